package sqlstore

import (
	"fmt"
	"strconv"
	"time"

	"dora-exporter/dora"
)

// statusOf returns the columns of the table statuses that name a deployment and a state.
func (t *tx) statusOf(deployment, state string) (columns []any, err error) {
	host, id := dora.SplitKey(deployment)
	number, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%q is not the key of a deployment", deployment)
	}
	hostID, err := t.text(host)
	if err != nil {
		return nil, err
	}
	stateID, err := t.text(state)
	return []any{hostID, number, stateID}, err
}

// AddStatus stores the number of a status.
func (t deploymentTx) AddStatus(deployment, state string, at time.Time, id int64) error {
	row, err := t.statusRow(deployment, state, at, id)
	if err == nil {
		err = t.send("INSERT INTO statuses (host, deployment, state, at, id, checksum) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", append(row, shortChecksum(row...))...)
	}
	if err != nil {
		return fmt.Errorf("store a status of deployment %s: %w", deployment, err)
	}
	return nil
}

// RemoveStatus removes the number of a status.
func (t deploymentTx) RemoveStatus(deployment, state string, at time.Time, id int64) error {
	row, err := t.statusRow(deployment, state, at, id)
	if err == nil {
		err = t.send("DELETE FROM statuses WHERE host = ? AND deployment = ? AND state = ? AND at = ? AND id = ?", row...)
	}
	if err != nil {
		return fmt.Errorf("remove a status of deployment %s: %w", deployment, err)
	}
	return nil
}

func (t *tx) statusRow(deployment, state string, at time.Time, id int64) ([]any, error) {
	columns, err := t.statusOf(deployment, state)
	return append(columns, at.UnixMilli(), id), err
}

// StatusesAt returns the numbers of the statuses of a deployment with a state and a time.
func (t deploymentTx) StatusesAt(deployment, state string, at time.Time) (ids []int64, err error) {
	columns, err := t.statusOf(deployment, state)
	if err == nil {
		err = t.query("SELECT id FROM statuses WHERE host = ? AND deployment = ? AND state = ? AND at = ? ORDER BY id", append(columns, at.UnixMilli()),
			func(rows Rows) error {
				var id int64
				err := rows.Scan(&id)
				ids = append(ids, id)
				return err
			})
	}
	if err != nil {
		return nil, fmt.Errorf("read the statuses of deployment %s: %w", deployment, err)
	}
	return ids, nil
}

// removeStatuses removes the statuses of a deployment.
func (t *tx) removeStatuses(host string, number int64) error {
	return t.send("DELETE FROM statuses WHERE host = "+textID+" AND deployment = ?", host, number)
}
