package sqlstore

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"dora-exporter/dora"
)

// Save stores a deployment record.
func (t deploymentTx) Save(d dora.DeploymentRecord) error {
	if err := t.save(d); err != nil {
		return fmt.Errorf("store deployment %s: %w", d.Key(), err)
	}
	return nil
}

func (t deploymentTx) save(d dora.DeploymentRecord) error {
	details, err := t.writer.codec.encode(d)
	if err != nil {
		return err
	}
	before, err := t.stored(d.Key())
	if err != nil {
		return err
	}
	if err := t.staleSince(d, before); err != nil {
		return err
	}
	after := before.with(d)
	if after.id, err = t.saveRow(before, after, details); err != nil {
		return err
	}
	t.deployments.set(d.Key(), after)
	return t.saveSuccesses(after.id, successesOf(before.record), successesOf(d))
}

// saveRow inserts or updates the row of a deployment and returns its id. Indexes cost more than the row, so the columns that have not
// changed are left alone.
func (t deploymentTx) saveRow(before, after storedDeployment, details []byte) (id int64, err error) {
	d := after.record
	row := []any{details, checksum(d.Key(), details)}
	columns, err := t.searched(d)
	if err != nil {
		return 0, err
	}
	if before.id == 0 {
		return t.insert(`INSERT INTO deployments (details, checksum, repository, scope, sha, branch, success, found_at, key, number)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`, append(append(row, columns.values()...), d.Key(), d.ID)...)
	}
	earlier, err := t.searched(before.record)
	if err != nil {
		return 0, err
	}
	if columns == earlier {
		err = t.send("UPDATE deployments SET details = ?, checksum = ? WHERE id = ?", append(row, before.id)...)
	} else {
		err = t.send("UPDATE deployments SET details = ?, checksum = ?, repository = ?, scope = ?, sha = ?, branch = ?, success = ?, found_at = ? WHERE id = ?",
			append(append(row, columns.values()...), before.id)...)
	}
	return before.id, err
}

// searchedColumns are the columns by which deployments are found, except for the key and the number, which never change.
type searchedColumns struct {
	repository, scope int64
	sha, branch       string
	success           sql.NullInt64
	foundAt           int64
}

func (t *tx) searched(d dora.DeploymentRecord) (c searchedColumns, err error) {
	c = searchedColumns{sha: d.SHA, branch: d.Branch(), foundAt: d.When().UnixMilli()}
	if at := d.Succeeded(); !at.IsZero() {
		c.success = sql.NullInt64{Int64: at.UnixMilli(), Valid: true}
	}
	if c.repository, err = t.text(d.RepositoryKey()); err == nil {
		c.scope, err = t.text(d.Scope())
	}
	return c, err
}

func (c searchedColumns) values() []any {
	return []any{c.repository, c.scope, c.sha, c.branch, c.success, c.foundAt}
}

var (
	saveShipped = newRowInsert(upsert("shipped", "name, scope, deployment", "change, revert, checksum"))
	saveTitles  = newRowInsert("INSERT INTO titles (scope, title, change, deployment, checksum) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")
)

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
	stored, err := t.stored(d.Key())
	if err != nil || stored.id == 0 {
		return cmp.Or(err, errors.New("the deployment is not known"))
	}
	var shipped, titles []any
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		row := []any{name, scope, stored.id, c.Name(), len(c.Reverts) > 0}
		shipped = append(append(shipped, row...), shortChecksum(row...))
	}
	for _, title := range c.Titles() {
		row := []any{scope, title, c.Name(), stored.id}
		titles = append(append(titles, row...), shortChecksum(row...))
	}
	if err := t.insertRows(&saveShipped, shipped); err != nil {
		return err
	}
	return t.insertRows(&saveTitles, titles)
}

// RemoveShipped removes what AddShipped stored.
func (t deploymentTx) RemoveShipped(d dora.DeploymentRecord, c dora.Change) error {
	const deployment = "(SELECT id FROM deployments WHERE key = ?)"
	for _, name := range c.Names() {
		err := t.send("DELETE FROM shipped WHERE scope = "+textID+" AND name = ? AND deployment = "+deployment, d.Scope(), name, d.Key())
		if err != nil {
			return fmt.Errorf("remove what deployment %s ships: %w", d.Key(), err)
		}
	}
	for _, title := range c.Titles() {
		err := t.send("DELETE FROM titles WHERE scope = "+textID+" AND title = ? AND change = ? AND deployment = "+deployment,
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
