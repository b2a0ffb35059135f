package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"dora-exporter/dora"
)

// queryFunc calls scan for each row of a query, in a transaction or on a reading connection.
type queryFunc func(query string, args []any, scan func(*sql.Rows) error) error

// history is the dora.History over a connection.
type history struct {
	findRuns
	path  string
	codec *codec
	query queryFunc
}

func newHistory(path string, codec *codec, query queryFunc) history {
	runs := func(text string, args ...any) ([]dora.Run, error) {
		return collect("runs of deployments", func(rows *sql.Rows) (dora.Run, error) { return codec.scanRun(path, rows) },
			func(add func(*sql.Rows) error) error { return query(text, args, add) })
	}
	return history{runs, path, codec, query}
}

// history returns the history as it is read.
func (r *Reader) history(ctx context.Context) history {
	return newHistory(r.path, r.codec, func(query string, args []any, scan func(*sql.Rows) error) error {
		return r.query(ctx, query, args, scan)
	})
}

func (h history) deployments(query string, args ...any) ([]dora.DeploymentRecord, error) {
	return collect("deployments", func(rows *sql.Rows) (dora.DeploymentRecord, error) { return h.codec.scanDeployment(h.path, rows.Scan) },
		func(add func(*sql.Rows) error) error {
			return h.query("SELECT "+deploymentColumns+" FROM deployments "+query, args, add)
		})
}

// Deployment returns a deployment record by its key; false if it is unknown.
func (h history) Deployment(key string) (dora.DeploymentRecord, bool, error) {
	return firstRow(h.deployments("WHERE key = ?", key))
}

// Named returns all deployments that a reference of an incident names.
func (h history) Named(r dora.Reference) ([]dora.DeploymentRecord, error) {
	return deploymentsNamedBy(r, h.deployments)
}

// FirstShipped returns the oldest deployment of a scope that shipped a change or one of its commits.
func (h history) FirstShipped(scope, name string) (key string, revert, known bool, err error) {
	query, args := "name = ?", []any{scope, name}
	if name != "" && !strings.HasPrefix(name, "#") && len(name) < 40 {
		from, to := prefixRange(name)
		query, args = "name >= ? AND name < ?", []any{scope, from, to}
	}
	err = h.query("SELECT key, revert FROM shipped JOIN deployments ON id = deployment WHERE shipped.scope = "+textID+" AND "+query+
		" ORDER BY success, number LIMIT 1", args, func(rows *sql.Rows) error {
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
		" AND title = ? AND (success, number) <= (?, ?) LIMIT 2", []any{scope, title, m.At.UnixMilli(), m.ID}, func(rows *sql.Rows) error {
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
