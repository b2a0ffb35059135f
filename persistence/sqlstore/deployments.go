package sqlstore

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"dora-exporter/dora"
)

const deploymentColumns = "key, details, checksum"

// scanDeployment reads a deployment record and checks its checksum.
func (c *codec) scanDeployment(path string, scan func(...any) error) (dora.DeploymentRecord, error) {
	var t dora.DeploymentRecord
	var key string
	var details []byte
	var sum int64
	if err := scan(&key, &details, &sum); err != nil {
		return t, err
	}
	if err := checkRow(path, "deployment "+key, sum, key, details); err != nil {
		return t, err
	}
	if err := c.decode(details, &t); err != nil {
		return t, &CorruptError{Path: path, What: "deployment " + key + " can't be read", Err: err}
	}
	return t, nil
}

// Save stores a deployment record.
func (t deploymentTx) Save(d dora.DeploymentRecord) error {
	if err := t.save(d); err != nil {
		return fmt.Errorf("store deployment %s: %w", d.Key(), err)
	}
	return nil
}

func (t deploymentTx) save(d dora.DeploymentRecord) error {
	encode := json.Marshal
	if d.Shipment != nil { // it has been evaluated, and seldom changes
		encode = t.writer.codec.encode
	}
	details, err := encode(d)
	if err != nil {
		return err
	}
	success := sql.NullInt64{}
	if at := d.Succeeded(); !at.IsZero() {
		success = sql.NullInt64{Int64: at.UnixMilli(), Valid: true}
	}
	repository, err := t.text(d.RepositoryKey())
	if err != nil {
		return err
	}
	scope, err := t.text(d.Scope())
	if err != nil {
		return err
	}
	if err := t.staleSince(d); err != nil {
		return err
	}
	id, err := t.insert(`INSERT INTO deployments (key, number, repository, scope, sha, branch, success, found_at, details, checksum)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET repository = excluded.repository, scope = excluded.scope, sha = excluded.sha,
		branch = excluded.branch, success = excluded.success, found_at = excluded.found_at, details = excluded.details, checksum = excluded.checksum
		RETURNING id`, d.Key(), d.ID, repository, scope, d.SHA, d.Branch(), success, d.When().UnixMilli(), details, checksum(d.Key(), details))
	if err != nil {
		return err
	}
	return t.saveSuccesses(d, id, scope)
}

var saveShipped = upsert("shipped", "scope, name, deployment", "change, revert")

// AddShipped records that a deployment shipped a change, under names of the change.
func (t deploymentTx) AddShipped(d dora.DeploymentRecord, c dora.Change, names []string) error {
	if err := t.addShipped(d, c, names); err != nil {
		return fmt.Errorf("store what deployment %s ships: %w", d.Key(), err)
	}
	return nil
}

func (t deploymentTx) addShipped(d dora.DeploymentRecord, c dora.Change, names []string) error {
	scope, err := t.text(d.Scope())
	if err != nil {
		return err
	}
	var id int64
	if known, err := t.queryRow("SELECT id FROM deployments WHERE key = ?", []any{d.Key()}, &id); err != nil || !known {
		return cmp.Or(err, errors.New("the deployment is not known"))
	}
	for _, name := range names {
		_, err := t.exec(saveShipped, scope, name, id, c.Name(), len(c.Reverts) > 0)
		if err != nil {
			return err
		}
	}
	for _, title := range c.Titles() {
		_, err := t.exec("INSERT INTO titles (scope, title, change, deployment) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", scope, title, c.Name(), id)
		if err != nil {
			return err
		}
	}
	return nil
}

// RemoveShipped removes what AddShipped stored.
func (t deploymentTx) RemoveShipped(d dora.DeploymentRecord, c dora.Change) error {
	const deployment = "(SELECT id FROM deployments WHERE key = ?)"
	for _, name := range c.Names() {
		_, err := t.exec("DELETE FROM shipped WHERE scope = "+textID+" AND name = ? AND deployment = "+deployment, d.Scope(), name, d.Key())
		if err != nil {
			return fmt.Errorf("remove what deployment %s ships: %w", d.Key(), err)
		}
	}
	for _, title := range c.Titles() {
		_, err := t.exec("DELETE FROM titles WHERE scope = "+textID+" AND title = ? AND change = ? AND deployment = "+deployment,
			d.Scope(), title, c.Name(), d.Key())
		if err != nil {
			return fmt.Errorf("remove the titles of what deployment %s ships: %w", d.Key(), err)
		}
	}
	return nil
}

// HasEvaluatedAfter reports whether a success of a scope after a moment has been evaluated.
func (t deploymentTx) HasEvaluatedAfter(scope string, m dora.Moment) (bool, error) {
	known, err := t.exists("SELECT 1 FROM deployments WHERE scope = "+textID+" AND evaluated = 1 AND (success, number) > (?, ?) LIMIT 1",
		scope, m.At.UnixMilli(), m.ID)
	if err != nil {
		return false, fmt.Errorf("look for later deployments: %w", err)
	}
	return known, nil
}
