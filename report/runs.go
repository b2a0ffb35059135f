package report

import (
	"slices"
	"time"

	"dora-exporter/dora"
)

// runs is a dora.Runs over all successes, in the order of their moments.
type runs struct {
	scopes  map[string][]dora.Run
	commits map[commitRuns][]dora.Run
	// teams has the runs in production.
	teams map[string][]dora.Run
}

// commitRuns names the runs of a commit in a scope.
type commitRuns struct{ scope, sha string }

func newRuns(deployments []dora.DeploymentRecord) runs {
	r := runs{scopes: map[string][]dora.Run{}, commits: map[commitRuns][]dora.Run{}, teams: map[string][]dora.Run{}}
	successes := map[string][]dora.Run{}
	for _, t := range deployments {
		for _, o := range t.Outcomes {
			if dora.OutcomeOf(o.State) == dora.Success {
				successes[t.Scope()] = append(successes[t.Scope()], dora.Run{DeploymentRecord: t, At: o.At})
			}
		}
	}
	for scope, all := range successes {
		all = dora.SortRuns(all)
		r.scopes[scope] = all
		for _, run := range all {
			of := commitRuns{scope, run.SHA}
			r.commits[of] = append(r.commits[of], run)
			if run.InProduction {
				r.teams[run.Team] = append(r.teams[run.Team], run)
			}
		}
	}
	for _, all := range r.teams {
		slices.SortFunc(all, func(a, b dora.Run) int { return a.Moment().Compare(b.Moment()) })
	}
	return r
}

// Previous returns the newest run of a scope before a moment.
func (r runs) Previous(scope string, m dora.Moment) (dora.Run, bool, error) {
	return lastBefore(r.scopes[scope], m)
}

// Next returns the oldest run of a scope after a moment.
func (r runs) Next(scope string, m dora.Moment) (dora.Run, bool, error) {
	all := r.scopes[scope]
	n, found := dora.SearchRuns(all, m)
	if found {
		n++
	}
	return runAt(all, n)
}

// LatestRun returns the newest run of a commit in a scope before a moment.
func (r runs) LatestRun(scope, sha string, m dora.Moment) (dora.Run, bool, error) {
	return lastBefore(r.commits[commitRuns{scope, sha}], m)
}

// FirstRun returns the oldest run of a commit in a scope.
func (r runs) FirstRun(scope, sha string) (dora.Run, bool, error) {
	return runAt(r.commits[commitRuns{scope, sha}], 0)
}

// NewestOf returns the newest run in production of a team before a time.
func (r runs) NewestOf(team string, before time.Time) (dora.Run, bool, error) {
	return lastBefore(r.teams[team], dora.Moment{At: before})
}

func lastBefore(all []dora.Run, m dora.Moment) (dora.Run, bool, error) {
	n, _ := dora.SearchRuns(all, m)
	return runAt(all, n-1)
}

// runAt returns the run at an index; false if the index is out of range.
func runAt(all []dora.Run, n int) (dora.Run, bool, error) {
	if n < 0 || n >= len(all) {
		return dora.Run{}, false, nil
	}
	return all[n], true, nil
}
