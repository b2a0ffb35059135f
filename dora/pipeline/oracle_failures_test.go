package pipeline_test

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"dora-exporter/dora"
)

// oracleRun is a success from which a deployment runs.
type oracleRun struct {
	d  *oracleDeployment
	at time.Time
}

// timeline returns which deployments of a scope ran one after another.
func timeline(all []*oracleDeployment) (runs []oracleRun) {
	for _, d := range all {
		for _, s := range d.statuses {
			if s.State == "success" {
				runs = append(runs, oracleRun{d, s.CreatedAt})
			}
		}
	}
	slices.SortFunc(runs, func(a, b oracleRun) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.d.ID, b.d.ID)) })
	return slices.CompactFunc(runs, func(a, b oracleRun) bool { return a.d == b.d })
}

// runningBefore returns what ran before the success of a deployment; nil for nothing.
func runningBefore(all []*oracleDeployment, at time.Time, id int64) (running *oracleDeployment) {
	for _, r := range timeline(all) {
		if r.at.Before(at) || r.at.Equal(at) && r.d.ID < id {
			running = r.d
		}
	}
	return running
}

// rollbacks adds the evidence of the runs of a scope against those that they take back.
func (o *oracle) rollbacks(all []*oracleDeployment) {
	runs := timeline(all)
	first := map[string]int{}
	for i, r := range runs {
		if _, known := first[r.d.SHA]; !known {
			first[r.d.SHA] = i
		}
		if i == 0 || first[r.d.SHA] >= first[runs[i-1].d.SHA] || !r.d.production {
			continue
		}
		latest := i - 1
		for runs[latest].d.SHA != r.d.SHA {
			latest--
		}
		asked := r.d.CreatedAt
		if !r.at.Equal(r.d.done) {
			asked = r.at
		}
		if bad := runs[latest+1]; asked.After(bad.at) {
			p := &observation{bad: bad.d, cause: "rollback", at: r.at, by: r.d, tie: fmt.Sprint(r.d.ID)}
			if !r.at.Equal(r.d.done) {
				p.by = nil // no new deployment, so no rework
			}
			o.evidence = append(o.evidence, p)
		}
	}
}

// failing returns the first failing status of a deployment while it was the newest success; nil if there is none.
func failing(all []*oracleDeployment, d *oracleDeployment) *dora.Status {
	var succeeded time.Time
	for i, s := range d.statuses {
		switch s.State {
		case "success":
			succeeded = s.CreatedAt
		case "failure", "error":
			replaced := slices.ContainsFunc(timeline(all), func(r oracleRun) bool {
				after := r.at.After(succeeded) || r.at.Equal(succeeded) && r.d.ID > d.ID
				return r.d != d && after && r.at.Before(s.CreatedAt)
			})
			if !succeeded.IsZero() && !replaced {
				return &d.statuses[i]
			}
		}
	}
	return nil
}

// repairOfStatus returns what repaired a deployment that failed by a status: the next success; by is nil if that is no new deployment.
func repairOfStatus(all []*oracleDeployment, bad *oracleDeployment, failed *dora.Status) (by *oracleDeployment, end time.Time) {
	next := oracleRun{}
	for _, r := range timeline(all) {
		if r.d != bad && r.at.After(failed.CreatedAt) {
			next = r
			break
		}
	}
	for _, s := range bad.statuses[slices.IndexFunc(bad.statuses, func(s dora.Status) bool { return s.ID == failed.ID }):] {
		if s.State == "success" && (next.d == nil || !s.CreatedAt.After(next.at)) {
			return nil, s.CreatedAt
		}
	}
	if next.d != nil && next.at.Equal(next.d.done) {
		by = next.d
	}
	return by, next.at
}

// failures determines which deployments of a scope are failed changes, and what repaired them.
func (o *oracle) failures(all []*oracleDeployment) {
	for _, d := range all {
		if failed := failing(all, d); failed != nil && d.production {
			o.evidence = append(o.evidence, &observation{bad: d, cause: "status", at: failed.CreatedAt})
		}
	}
	o.rollbacks(all)
	order := []string{"status", "incident", "rollback", "revert", "hotfix", "window"}
	slices.SortFunc(o.evidence, func(p, q *observation) int {
		return cmp.Or(p.at.Compare(q.at), cmp.Compare(slices.Index(order, p.cause), slices.Index(order, q.cause)), cmp.Compare(p.tie, q.tie))
	})
	marked, rework := map[*oracleDeployment]bool{}, map[*oracleDeployment]bool{}
	for _, p := range o.evidence {
		if marked[p.bad] || !slices.Contains(all, p.bad) {
			continue
		}
		marked[p.bad] = true
		o.addScoped(p.bad, "dora_change_failures_total", 1, "cause", p.cause)
		by, end := p.by, p.at
		switch p.cause {
		case "incident", "window":
			end = o.resolution(p.issue)
		case "status":
			by, end = repairOfStatus(all, p.bad, failing(all, p.bad))
		}
		if end.IsZero() {
			continue
		}
		if !end.Before(p.bad.done) {
			o.addScoped(p.bad, "dora_failed_deployment_recovery_seconds", end.Sub(p.bad.done).Milliseconds())
		}
		if by != nil && !rework[by] {
			rework[by] = true
			o.addScoped(by, "dora_rework_deployments_total", 1, "cause", p.cause)
		}
	}
}
