package pipeline_test

import (
	"cmp"
	"slices"
	"time"
)

// findStatusEvidence adds the evidence that a failing status is. It marks the newest success of the scope alone: on a deployment that
// had been replaced, which is that another one had a success strictly before the status, it shows nothing.
func (o *oracle) findStatusEvidence(d *oracleDeployment) {
	for i, failing := range d.statuses {
		if failing.state != "failure" && failing.state != "error" {
			continue
		}
		latest := -1 // its success before
		for k, s := range d.statuses[:i] {
			if s.state == "success" {
				latest = k
			}
		}
		if latest < 0 {
			continue
		}
		replaced := slices.ContainsFunc(o.runs(d.scope), func(r run) bool {
			later := cmp.Or(r.at.Compare(d.statuses[latest].at), cmp.Compare(r.number, d.number)) > 0
			return r.oracleDeployment != d && later && r.at.Before(failing.at)
		})
		if !replaced {
			o.evidence = append(o.evidence, &observation{bad: d, cause: "status", at: failing.at, status: failing.id})
			return
		}
	}
}

// repairOf returns the next success of the scope after a failing status, and the deployment that is rework: none if the failed
// deployment itself succeeds again, or another one runs again.
func (o *oracle) repairOf(p *observation) (by *oracleDeployment, at time.Time) {
	var next []run
	for _, s := range p.bad.statuses {
		if after := s.at.After(p.at) || s.at.Equal(p.at) && s.id > p.status; after && s.state == "success" {
			next = append(next, run{s.at, p.bad})
		}
	}
	for _, r := range o.runs(p.bad.scope) {
		if r.at.After(p.at) && r.oracleDeployment != p.bad {
			next = append(next, r)
		}
	}
	if len(next) == 0 {
		return nil, time.Time{}
	}
	first := slices.MinFunc(next, func(a, b run) int { return a.at.Compare(b.at) }) // at the same time its own, which come first
	if first.oracleDeployment != p.bad && !first.again() {
		by = first.oracleDeployment
	}
	return by, first.at
}

// failures determines which deployments are failed changes, by their earliest evidence, and what repaired them.
func (o *oracle) failures() {
	order := []string{"status", "incident", "rollback", "revert", "hotfix", "window"}
	slices.SortFunc(o.evidence, func(p, q *observation) int {
		return cmp.Or(p.at.Compare(q.at), cmp.Compare(slices.Index(order, p.cause), slices.Index(order, q.cause)), cmp.Compare(p.tie, q.tie))
	})
	marked, rework := map[*oracleDeployment]bool{}, map[*oracleDeployment]bool{}
	for _, p := range o.evidence {
		if marked[p.bad] {
			continue
		}
		marked[p.bad] = true
		o.addScoped(p.bad, "dora_change_failures_total", 1, "cause", p.cause)
		by, end := p.by, p.at
		switch p.cause {
		case "incident", "window":
			end = o.resolution(p.issue)
		case "status":
			by, end = o.repairOf(p)
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
