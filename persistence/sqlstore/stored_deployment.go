package sqlstore

import (
	"database/sql"
	"slices"

	"dora-exporter/dora"
)

// storedDeployment is a row of the table deployments. One without an id is not stored.
type storedDeployment struct {
	id        int64
	evaluated bool
	record    dora.DeploymentRecord
}

// with returns the row with another record, which may be changed afterwards.
func (d storedDeployment) with(record dora.DeploymentRecord) storedDeployment {
	record.Outcomes, record.Workflows = slices.Clone(record.Outcomes), slices.Clone(record.Workflows)
	d.record = record
	return d
}

// copied returns the record, which may be changed.
func (d storedDeployment) copied() dora.DeploymentRecord {
	record := d.record
	record.Outcomes, record.Workflows = slices.Clip(record.Outcomes), slices.Clip(record.Workflows) // appending copies them
	return record
}

const deploymentColumns = "deployments.id, evaluated, key, details, deployments.checksum"

// scanDeployment reads a deployment record and checks its checksum. more are further columns.
func (h history) scanDeployment(rows Rows, more ...any) (dora.DeploymentRecord, error) {
	var d storedDeployment
	var key string
	var details sql.RawBytes
	var sum int64
	if err := rows.Scan(append([]any{&d.id, &d.evaluated, &key, &details, &sum}, more...)...); err != nil {
		return d.record, err
	}
	if h.cached != nil {
		if cached, ok := h.cached.get(key); ok {
			return cached.copied(), nil
		}
	}
	if err := checkRow(h.path, "deployment "+key, sum, key, []byte(details)); err != nil {
		return d.record, err
	}
	if err := h.codec.decode(details, &d.record); err != nil {
		return d.record, &CorruptError{Path: h.path, What: "deployment " + key + " can't be read", Err: err}
	}
	if h.cached != nil {
		h.cached.add(key, d)
	}
	return d.copied(), nil
}

// stored returns the row of a deployment by its key.
func (t *tx) stored(key string) (storedDeployment, error) {
	if _, ok := t.deployments.get(key); !ok {
		if _, _, err := t.history().Deployment(key); err != nil {
			return storedDeployment{}, err
		}
	}
	d, _ := t.deployments.get(key)
	return d, nil
}
