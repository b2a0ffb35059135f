package sqlstore

import (
	"context"
	"fmt"
	"strings"

	"dora-exporter/dora"
)

// history is the dora.History over a connection.
type history struct {
	findRuns
	path  string
	codec *codec
	query queryFunc
	// cached has the deployments that the writer's transactions know; nil for other connections.
	cached *rowCache[string, storedDeployment]
}

func newHistory(path string, codec *codec, query queryFunc, cached *rowCache[string, storedDeployment]) history {
	h := history{path: path, codec: codec, query: query, cached: cached}
	h.findRuns = func(text string, args ...any) ([]dora.Run, error) {
		return collect(query, "runs of deployments", text, args, h.scanRun)
	}
	return h
}

// history returns the history as it is committed, or as a snapshot has it.
func (r *Reader) history(ctx context.Context) history {
	return newHistory(r.path, r.codec, r.queryFunc(ctx), nil)
}

// history returns the history as the transaction has it.
func (t *tx) history() history {
	return newHistory(t.writer.path, t.writer.codec, t.query, t.deployments)
}

func (h history) deployments(query string, args ...any) ([]dora.DeploymentRecord, error) {
	return collect(h.query, "deployments", "SELECT "+deploymentColumns+" FROM deployments "+query, args,
		func(rows Rows) (dora.DeploymentRecord, error) { return h.scanDeployment(rows) })
}

func (h history) incidents(query string, args ...any) ([]dora.Incident, error) {
	return collect(h.query, "incidents", "SELECT key, details, checksum FROM incidents "+query, args,
		func(rows Rows) (dora.Incident, error) { return scanIncident(h.path, rows) })
}

// Deployment returns a deployment record by its key; false if it is unknown.
func (h history) Deployment(key string) (dora.DeploymentRecord, bool, error) {
	if h.cached == nil {
		return firstRow(h.deployments("WHERE key = ?", key))
	}
	if d, ok := h.cached.get(key); ok {
		return d.copied(), d.id != 0, nil
	}
	record, known, err := firstRow(h.deployments("WHERE key = ?", key))
	if err == nil && !known {
		h.cached.add(key, storedDeployment{})
	}
	return record, known, err
}

// inRepositoryNamed selects what belongs to a repository that an event has called by a name.
const inRepositoryNamed = "repository IN (SELECT id FROM texts JOIN repository_names ON text = repository WHERE name = ?)"

// Named returns all deployments that a reference of an incident names.
func (h history) Named(r dora.Reference) ([]dora.DeploymentRecord, error) {
	in, args := "", []any(nil)
	if r.Repository != "" {
		// The + keeps the planner from reading all of the repository (https://sqlite.org/optoverview.html#uplus).
		in, args = " AND +"+inRepositoryNamed, []any{r.RepositoryName()}
	}
	var all []dora.DeploymentRecord
	add := func(query string, conditions ...any) error {
		found, err := h.deployments(query, append(conditions, args...)...)
		all = append(all, found...)
		return err
	}
	if r.Deployment != 0 {
		if err := add("WHERE number = ?"+in, r.Deployment); err != nil {
			return nil, err
		}
	}
	if r.PullRequest != 0 {
		if err := add("WHERE id IN (SELECT deployment FROM shipped WHERE name = ?)"+in, fmt.Sprintf("#%d", r.PullRequest)); err != nil {
			return nil, err
		}
	}
	if r.Commit != "" {
		from, to := prefixRange(r.Commit)
		if err := add("WHERE sha >= ? AND sha < ?"+in, from, to); err != nil {
			return nil, err
		}
		if err := add("WHERE id IN (SELECT deployment FROM shipped WHERE name >= ? AND name < ?)"+in, from, to); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// FirstShipped returns the oldest deployment of a scope that shipped a change or one of its commits.
func (h history) FirstShipped(scope, name string) (key string, revert, known bool, err error) {
	query, args := "name = ?", []any{scope, name}
	if name != "" && !strings.HasPrefix(name, "#") && len(name) < 40 {
		from, to := prefixRange(name)
		query, args = "name >= ? AND name < ?", []any{scope, from, to}
	}
	err = h.query("SELECT key, revert FROM shipped JOIN deployments ON id = deployment WHERE shipped.scope = "+textID+" AND "+query+
		" ORDER BY success NULLS FIRST, number LIMIT 1", args, func(rows Rows) error {
		known = true
		return rows.Scan(&key, &revert)
	})
	if err != nil {
		return "", false, false, fmt.Errorf("look for what shipped %s: %w", name, err)
	}
	return key, revert, known, nil
}

// Titled returns changes of a scope with a title that were shipped up to a moment.
func (h history) Titled(scope, title string, m dora.Moment) (changes []string, err error) {
	err = h.query("SELECT DISTINCT change FROM titles CROSS JOIN deployments ON id = deployment WHERE titles.scope = "+textID+
		" AND title = ? AND (success, number) <= (?, ?) LIMIT 2", []any{scope, title, m.At.UnixMilli(), m.ID}, func(rows Rows) error {
		var change string
		err := rows.Scan(&change)
		changes = append(changes, change)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for changes with a title: %w", err)
	}
	return changes, nil
}
