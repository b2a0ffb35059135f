package org

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// serve answers with a body as JSON, of a list with the page that is asked for; with 404 without a body.
func serve(w http.ResponseWriter, q *http.Request, body any) {
	w.Header().Set("Content-Type", "application/json")
	all, isList := body.([]object)
	switch {
	case body == nil:
		w.WriteHeader(http.StatusNotFound)
		body = object{"message": "Not Found"}
	case isList:
		size, _ := strconv.Atoi(q.URL.Query().Get("per_page"))
		number, _ := strconv.Atoi(q.URL.Query().Get("page"))
		size, number = min(max(size, 1), 100), max(number, 1)
		if number*size < len(all) {
			next := q.URL.Query()
			next.Set("page", strconv.Itoa(number+1))
			w.Header().Set("Link", fmt.Sprintf(`<http://%s%s?%s>; rel="next"`, q.Host, q.URL.Path, next.Encode()))
		}
		body = all[min((number-1)*size, len(all)):min(number*size, len(all))]
	}
	_ = json.NewEncoder(w).Encode(body)
}

func restList[T any](all []T, of func(T) object) []object {
	list := []object{}
	for _, item := range all {
		list = append(list, of(item))
	}
	return list
}

func (d *deployment) rest() object {
	ref := mainBranch
	if d.tag != "" {
		ref = d.tag
	}
	return object{
		"id": d.id, "node_id": d.node(), "sha": d.sha, "ref": ref, "task": "deploy", "environment": d.environment, "original_environment": d.environment,
		"production_environment": d.environment == "production", "transient_environment": false, "created_at": stamp(d.created),
		"creator": object{"login": "deployer[bot]"}, "payload": object{},
	}
}

func deploymentStatuses(r *repository, q *http.Request) any {
	for _, d := range r.deployments {
		if strconv.FormatInt(d.id, 10) == q.PathValue("id") {
			all := []object{}
			for i := len(d.statuses) - 1; i >= 0; i-- {
				s := d.statuses[i]
				all = append(all, object{"id": s.id, "state": s.state, "environment": d.environment, "created_at": stamp(s.at)})
			}
			return all
		}
	}
	return nil
}

func (c *commit) rest() object {
	parents := []object{}
	for _, sha := range c.parents {
		parents = append(parents, object{"sha": sha})
	}
	return object{
		"sha": c.sha, "author": object{"login": c.author}, "parents": parents,
		"commit": object{"message": c.message, "author": object{"date": stamp(c.authored)}, "committer": object{"date": stamp(c.committed)}},
	}
}

func (r *repository) restPull(p *pull) object {
	repo := object{"id": r.id, "full_name": r.fullName(), "default_branch": mainBranch}
	return object{
		"number": p.number, "state": "closed", "title": p.title, "body": p.body, "created_at": stamp(p.opened), "merged_at": stamp(p.merged),
		"merge_commit_sha": p.result.sha, "user": object{"login": p.author}, "labels": []object{},
		"head": object{"ref": p.branch, "sha": p.own[len(p.own)-1].sha, "repo": repo}, "base": object{"ref": p.base, "repo": repo},
	}
}

// compare answers what the second of two commits has and the first one lacks.
func compare(r *repository, q *http.Request) any {
	base, head, _ := strings.Cut(q.PathValue("range"), "...")
	if r.bySHA[base] == nil || r.bySHA[head] == nil {
		return nil
	}
	of, has := r.reachable(base), r.reachable(head)
	ahead := []object{}
	for _, c := range r.commits {
		if has[c.sha] && !of[c.sha] {
			ahead = append(ahead, c.rest())
		}
	}
	relation := "identical"
	switch {
	case len(ahead) > 0 && has[base]:
		relation = "ahead"
	case len(ahead) > 0:
		relation = "diverged"
	case base != head:
		relation = "behind"
	}
	return object{"status": relation, "total_commits": len(ahead), "commits": ahead, "files": []object{}}
}
