package persistence

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"dora-exporter/dora"
)

// Records returns all deployments and incidents, and calls each for every fact of the families, in their order. All of it is
// as of one moment, also beside a server that is writing.
func (r *Reader) Records(ctx context.Context, each func(dora.Fact), families ...string) (records dora.Records, err error) {
	tx, err := r.db.BeginTx(ctx, nil) // which sees what was committed when its first query began
	if err != nil {
		return records, fmt.Errorf("read database %s: %w", r.path, r.damaged(err))
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	rows := func(what, query string, args []any, scan func(*sql.Rows) error) {
		if err != nil {
			return
		}
		if err = r.damaged(queryIn(ctx, tx, query, args, scan)); err != nil {
			err = fmt.Errorf("read %s: %w", what, err)
		}
	}
	rows("the deployments", "SELECT "+trackedColumns+" FROM deployments ORDER BY key", nil, func(rows *sql.Rows) error {
		t, err := scanTracked(r.path, rows.Scan)
		records.Deployments = append(records.Deployments, t)
		return err
	})
	rows("the incidents", "SELECT key, state, checksum FROM issues ORDER BY key", nil, func(rows *sql.Rows) error {
		i, err := r.scanIncident(rows)
		records.Incidents = append(records.Incidents, i)
		return err
	})
	rows("what is to be settled", "SELECT count(*) FROM settling", nil, func(rows *sql.Rows) error { return rows.Scan(&records.Unsettled) })
	args := make([]any, len(families))
	for n, family := range families {
		args[n] = family
	}
	in := strings.TrimSuffix(strings.Repeat("?, ", len(families)), ", ")
	rows("the facts", "SELECT "+factColumns+" FROM facts WHERE family IN ("+in+") ORDER BY position", args, func(rows *sql.Rows) error {
		f, _, err := r.scanFact(rows)
		if err == nil {
			each(f)
		}
		return err
	})
	return records, err
}

func (r *Reader) scanIncident(rows *sql.Rows) (i dora.Incident, err error) {
	var key, state string
	var sum sql.NullInt64
	if err := rows.Scan(&key, &state, &sum); err != nil {
		return i, err
	}
	if err := intact(r.path, "incident "+key, sum, key, state); err != nil {
		return i, err
	}
	if err := json.Unmarshal([]byte(state), &i); err != nil {
		return i, &CorruptError{Path: r.path, What: "incident " + key + " can't be read", Err: err}
	}
	return i, nil
}

func queryIn(ctx context.Context, tx *sql.Tx, query string, args []any, scan func(*sql.Rows) error) error {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
