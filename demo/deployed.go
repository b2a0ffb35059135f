package demo

import (
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// deployed is a deployment that GitHub remembers, with its statuses in the order of their times.
type deployed struct {
	Deployment
	statuses []deployedStatus
}

type deployedStatus struct {
	id    int64
	state string
	at    time.Time
}

// Deploy makes GitHub remember a deployment.
func (r *Repository) Deploy(d Deployment) {
	r.deployed = append(r.deployed, &deployed{Deployment: d})
}

// SetStatus makes GitHub remember a status of a deployment.
func (r *Repository) SetStatus(deployment, id int64, state string, at time.Time) {
	for _, d := range r.deployed {
		if d.ID == deployment {
			d.statuses = append(d.statuses, deployedStatus{id, state, at})
		}
	}
}

// forgetAfter makes GitHub forget what is later than a time.
func (r *Repository) forgetAfter(end time.Time) {
	r.deployed = slices.DeleteFunc(r.deployed, func(d *deployed) bool { return d.Created.After(end) })
	for _, d := range r.deployed {
		d.statuses = slices.DeleteFunc(d.statuses, func(s deployedStatus) bool { return s.at.After(end) })
	}
}

// id returns a number for the repository.
func (r *Repository) id() int64 {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(strings.ToLower(r.FullName())))
	return int64(sum.Sum32() >> 1)
}

// newestDeployed returns the deployments, the newest first.
func (r *Repository) newestDeployed() []*deployed {
	all := slices.Clone(r.deployed)
	slices.SortStableFunc(all, func(a, b *deployed) int { return b.Created.Compare(a.Created) })
	return all
}

// deployments answers GET /repos/{owner}/{repo}/deployments.
func deployments(r *Repository, _ *http.Request) any {
	all := list{}
	for _, d := range r.newestDeployed() {
		o := d.object()
		o["node_id"] = node("D", d.ID)
		all = append(all, o)
	}
	return all
}

// deploymentStatuses answers GET /repos/{owner}/{repo}/deployments/{id}/statuses, the newest first.
func deploymentStatuses(r *Repository, q *http.Request) any {
	id, _ := strconv.ParseInt(q.PathValue("id"), 10, 64)
	all := list{}
	for _, d := range r.deployed {
		if d.ID != id {
			continue
		}
		for _, s := range slices.Backward(d.statuses) {
			all = append(all, object{"id": s.id, "state": s.state, "environment": d.Environment, "created_at": stamp(s.at)})
		}
	}
	return all
}

func node(kind string, id int64) string { return kind + "_" + strconv.FormatInt(id, 36) }
