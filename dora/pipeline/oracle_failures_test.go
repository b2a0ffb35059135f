package pipeline_test

import (
	"cmp"
	"slices"
	"time"

	"dora-exporter/dora"
)

// failures determines which deployments of a scope are failed changes, and what repaired them.
func (o *oracle) failures(all []*oracleDeployment) {
	for _, d := range all {
		success := d.first("success")
		after := slices.Clone(d.statuses[slices.IndexFunc(d.statuses, func(s dora.Status) bool { return s.ID == success.ID }):])
		later := oracleDeployment{statuses: after}
		if failed := later.first("failure", "error"); failed != nil && d.production {
			o.evidence = append(o.evidence, &observation{bad: d, cause: "status", at: failed.CreatedAt})
		}
	}
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
			end = time.Time{}
			for _, d := range all {
				if d.done.After(p.at) {
					by, end = d, d.done
					break
				}
			}
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
