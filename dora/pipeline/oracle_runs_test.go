package pipeline_test

import (
	"cmp"
	"slices"
	"time"
)

// run is a time from which on a deployment runs in its scope.
type run struct {
	at time.Time
	*oracleDeployment
}

// again reports whether a run is not the first one of its deployment.
func (r run) again() bool { return !r.at.Equal(r.done) }

// runs returns the runs of a scope in their order: by time, then by id. A deployment runs from its first success on, and again from a
// later success on if another one had succeeded in between.
func (o *oracle) runs(scope string) (all []run) {
	for _, d := range o.scope(scope) {
		for _, s := range d.statuses {
			if s.state == "success" {
				all = append(all, run{s.at, d})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b run) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.number, b.number)) })
	return slices.CompactFunc(all, func(a, b run) bool { return a.oracleDeployment == b.oracleDeployment })
}

// running returns what runs in d's scope when d is done; nil before the first deployment.
func (o *oracle) running(d *oracleDeployment) (running *oracleDeployment) {
	for _, r := range o.runs(d.scope) {
		if r.oracleDeployment == d {
			return running
		}
		running = r.oracleDeployment
	}
	return nil
}

// findRollbacks adds the evidence that rollbacks are. A rollback deploys a commit that ran before in the scope, and whose first run was
// before the first run of the commit that is running. What came after that commit's latest run is bad. The rollback was created after
// that had succeeded: a slow job of an older release is none.
func (o *oracle) findRollbacks() {
	for _, d := range o.deployments {
		if d.production && !d.done.IsZero() && len(o.before(d)) == 0 { // once for each scope
			runs := o.runs(d.scope)
			for i := 1; i < len(runs); i++ {
				o.findRollback(runs[:i], runs[i])
			}
		}
	}
}

func (o *oracle) findRollback(before []run, now run) {
	running := before[len(before)-1]
	if running.sha == now.sha {
		return
	}
	first := slices.IndexFunc(before, func(r run) bool { return r.sha == now.sha })
	if first < 0 || first > slices.IndexFunc(before, func(r run) bool { return r.sha == running.sha }) {
		return
	}
	latest := first
	for i, r := range before {
		if r.sha == now.sha {
			latest = i
		}
	}
	bad := before[latest+1]
	created, by := now.created, now.oracleDeployment
	if now.again() { // no new deployment, so no rework
		created, by = now.at, nil
	}
	if created.After(bad.at) {
		o.evidence = append(o.evidence, &observation{bad: bad.oracleDeployment, cause: "rollback", at: now.at, by: by})
	}
}
