package sqlite

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"dora-exporter/dora"
)

const deploymentColumns = "key, details, checksum"

// scanDeployment reads a deployment record and checks its checksum.
func scanDeployment(path string, scan func(...any) error) (dora.DeploymentRecord, error) {
	var t dora.DeploymentRecord
	var key, details string
	var sum int64
	if err := scan(&key, &details, &sum); err != nil {
		return t, err
	}
	if err := checkRow(path, "deployment "+key, sum, key, details); err != nil {
		return t, err
	}
	if err := json.Unmarshal([]byte(details), &t); err != nil {
		return t, &CorruptError{Path: path, What: "deployment " + key + " can't be read", Err: err}
	}
	return t, nil
}

// inRepositoryNamed selects what belongs to a repository that an event has called by a name.
const inRepositoryNamed = "repository IN (SELECT repository FROM repository_names WHERE name = ?)"

func deploymentsNamedBy(r dora.Reference, find func(query string, args ...any) ([]dora.DeploymentRecord, error)) ([]dora.DeploymentRecord, error) {
	in, args := "", []any(nil)
	if r.Repository != "" {
		// The + keeps the planner from reading all of the repository (https://sqlite.org/optoverview.html#uplus).
		in, args = " AND +"+inRepositoryNamed, []any{r.RepositoryName()}
	}
	var all []dora.DeploymentRecord
	add := func(query string, conditions ...any) error {
		found, err := find(query, append(conditions, args...)...)
		all = append(all, found...)
		return err
	}
	if r.Deployment != 0 {
		if err := add("WHERE number = ?"+in, r.Deployment); err != nil {
			return nil, err
		}
	}
	if r.PullRequest != 0 {
		if err := add("WHERE key IN (SELECT deployment FROM shipped WHERE name = ?"+in+")", fmt.Sprintf("#%d", r.PullRequest)); err != nil {
			return nil, err
		}
	}
	if r.Commit != "" {
		from, to := prefixRange(r.Commit)
		if err := add("WHERE sha >= ? AND sha < ?"+in, from, to); err != nil {
			return nil, err
		}
		if err := add("WHERE key IN (SELECT deployment FROM shipped WHERE name >= ? AND name < ?"+in+")", from, to); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Save stores a deployment record.
func (t deploymentTx) Save(d dora.DeploymentRecord) error {
	details, err := json.Marshal(d)
	if err == nil {
		success := sql.NullInt64{}
		if at := d.Succeeded(); !at.IsZero() {
			success = sql.NullInt64{Int64: at.UnixMilli(), Valid: true}
		}
		err = t.staleSince(d)
		if err == nil {
			_, err = t.exec(`INSERT INTO deployments (key, number, repository, scope, sha, branch, team, production, success, found_at, details, checksum)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET repository = excluded.repository, scope = excluded.scope, sha = excluded.sha,
			branch = excluded.branch, team = excluded.team, production = excluded.production, success = excluded.success, found_at = excluded.found_at,
			details = excluded.details, checksum = excluded.checksum`, d.Key(), d.ID, d.RepositoryKey(), d.Scope(), d.SHA, d.Branch(), d.Team, d.InProduction,
				success, d.When().UnixMilli(), string(details), checksum(d.Key(), string(details)))
		}
	}
	if err == nil {
		err = t.saveSuccesses(d)
	}
	if err != nil {
		return fmt.Errorf("store deployment %s: %w", d.Key(), err)
	}
	return nil
}

// AddShipped records that a deployment shipped a change, under names of the change.
func (t deploymentTx) AddShipped(d dora.DeploymentRecord, c dora.Change, names []string) error {
	for _, name := range names {
		_, err := t.exec(`INSERT OR REPLACE INTO shipped (scope, name, deployment, change, success, number, revert, repository)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			d.Scope(), name, d.Key(), c.Name(), d.Succeeded().UnixMilli(), d.ID, len(c.Reverts) > 0, d.RepositoryKey())
		if err != nil {
			return fmt.Errorf("store what deployment %s ships: %w", d.Key(), err)
		}
	}
	for _, title := range c.Titles() {
		_, err := t.exec("INSERT OR IGNORE INTO titles (scope, title, change, success, number) VALUES (?, ?, ?, ?, ?)",
			d.Scope(), title, c.Name(), d.Succeeded().UnixMilli(), d.ID)
		if err != nil {
			return fmt.Errorf("store the titles of what deployment %s ships: %w", d.Key(), err)
		}
	}
	return nil
}

// RemoveShipped removes what AddShipped stored.
func (t deploymentTx) RemoveShipped(d dora.DeploymentRecord, c dora.Change) error {
	for _, name := range c.Names() {
		if _, err := t.exec("DELETE FROM shipped WHERE scope = ? AND name = ? AND deployment = ?", d.Scope(), name, d.Key()); err != nil {
			return fmt.Errorf("remove what deployment %s ships: %w", d.Key(), err)
		}
	}
	for _, title := range c.Titles() {
		_, err := t.exec("DELETE FROM titles WHERE scope = ? AND title = ? AND change = ? AND success = ? AND number = ?",
			d.Scope(), title, c.Name(), d.Succeeded().UnixMilli(), d.ID)
		if err != nil {
			return fmt.Errorf("remove the titles of what deployment %s ships: %w", d.Key(), err)
		}
	}
	return nil
}

// HasEvaluatedAfter reports whether a success of a scope after a moment has been evaluated.
func (t deploymentTx) HasEvaluatedAfter(scope string, m dora.Moment) (bool, error) {
	var exists int
	known, err := t.queryRow(`SELECT 1 FROM deployments WHERE scope = ? AND evaluated = 1 AND (success, number) > (?, ?) LIMIT 1`,
		[]any{scope, m.At.UnixMilli(), m.ID}, &exists)
	if err != nil {
		return false, fmt.Errorf("look for later deployments: %w", err)
	}
	return known, nil
}
