package sqlstore

import (
	"context"
	"maps"
	"slices"
	"time"

	"dora-exporter/dora"
)

// findRuns returns the runs of a query about the view runs.
type findRuns func(query string, args ...any) ([]dora.Run, error)

// selectRuns reads the runs first: without CROSS the planner may begin with all deployments.
const selectRuns = "SELECT " + deploymentColumns + ", at FROM runs CROSS JOIN deployments ON id = deployment "

// Previous returns the newest run of a scope before a moment.
func (find findRuns) Previous(scope string, m dora.Moment) (dora.Run, bool, error) {
	return find.first("WHERE runs.scope = "+textID+" AND (at, runs.number) < (?, ?) ORDER BY at DESC, runs.number DESC LIMIT 1", scope, m.At.UnixMilli(), m.ID)
}

// Next returns the oldest run of a scope after a moment.
func (find findRuns) Next(scope string, m dora.Moment) (dora.Run, bool, error) {
	return find.first("WHERE runs.scope = "+textID+" AND (at, runs.number) > (?, ?) ORDER BY at, runs.number LIMIT 1", scope, m.At.UnixMilli(), m.ID)
}

// LatestRun returns the newest run of a commit in a scope before a moment.
func (find findRuns) LatestRun(scope, sha string, m dora.Moment) (dora.Run, bool, error) {
	return find.first("WHERE runs.scope = "+textID+" AND runs.sha = ? AND (at, runs.number) < (?, ?) ORDER BY at DESC, runs.number DESC LIMIT 1",
		scope, sha, m.At.UnixMilli(), m.ID)
}

// FirstRun returns the oldest run of a commit in a scope.
func (find findRuns) FirstRun(scope, sha string) (dora.Run, bool, error) {
	return find.first("WHERE runs.scope = "+textID+" AND runs.sha = ? ORDER BY at, runs.number LIMIT 1", scope, sha)
}

// NewestOf returns the newest run in production of a team before a time.
func (find findRuns) NewestOf(team string, before time.Time) (dora.Run, bool, error) {
	return find.first("WHERE runs.team = ? AND runs.production = 1 AND at < ? ORDER BY at DESC, runs.number DESC LIMIT 1", team, before.UnixMilli())
}

func (find findRuns) first(query string, args ...any) (dora.Run, bool, error) {
	return firstRow(find(selectRuns+query, args...))
}

// Runs returns the runs of deployments, for explanations.
func (r *Reader) Runs(ctx context.Context) dora.Runs { return r.history(ctx) }

func (h history) scanRun(rows Rows) (run dora.Run, err error) {
	var at int64
	run.DeploymentRecord, err = h.scanDeployment(rows, &at)
	run.At = fromMillis(at)
	return run, err
}

// success is a row of the table successes, without the deployment.
type success struct {
	at, number int64
	scope, sha string
	team       string
	production bool
}

// successesOf returns the successes of a deployment, one for each time.
func successesOf(d dora.DeploymentRecord) map[int64]success {
	all := map[int64]success{}
	for _, o := range d.Outcomes {
		at := o.At.UnixMilli()
		if _, known := all[at]; !known && dora.OutcomeOf(o.State) == dora.Success {
			all[at] = success{at, d.ID, d.Scope(), d.SHA, d.Team, d.InProduction}
		}
	}
	return all
}

var insertSuccesses = newRowInsert("INSERT INTO successes (deployment, at, number, scope, sha, team, production) VALUES (?, ?, ?, ?, ?, ?, ?)")

// saveSuccesses changes the successes of a deployment, which is stored with an id. Only rows that differ are written: a deployment may
// have had thousands of statuses.
func (t *tx) saveSuccesses(id int64, was, is map[int64]success) error {
	for at, s := range was {
		if is[at] == s {
			continue
		}
		if err := t.send("DELETE FROM successes WHERE deployment = ? AND at = ?", id, at); err != nil {
			return err
		}
	}
	var rows []any
	for _, at := range slices.Sorted(maps.Keys(is)) {
		s := is[at]
		if before, known := was[at]; known && before == s {
			continue
		}
		scope, err := t.text(s.scope)
		if err != nil {
			return err
		}
		rows = append(rows, id, s.at, s.number, scope, s.sha, s.team, s.production)
	}
	return t.insertRows(&insertSuccesses, rows)
}
