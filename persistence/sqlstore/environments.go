package sqlstore

import (
	"context"
	"fmt"
	"slices"

	"dora-exporter/dora"
)

// environmentKey is the key of an environment: its repository, and its name without regard to case.
type environmentKey struct{ repository, folded string }

// AddEnvironment records an environment and returns how the first one was spelled whose name differs in case alone.
func (t repositoryTx) AddEnvironment(repository, name string, production bool) (spelling string, err error) {
	key := environmentKey{repository, dora.FoldName(name)}
	e, known := t.environments.get(key)
	if !known {
		var stored storedEnvironment
		stored, known, err = firstRow(readAllIn(t.tx, "environments", selectEnvironments+"WHERE repository = ? AND folded = ?", []any{key.repository, key.folded},
			func(rows Rows) (storedEnvironment, error) { return scanEnvironment(t.writer.path, rows) }))
		e = stored.Environment
	}
	changed := !known || production && !e.Production
	if !known {
		e.Name = name
	}
	e.Production = e.Production || production
	if err == nil && changed {
		err = t.send(saveEnvironment, withChecksum(repository, key.folded, e.Name, e.Production)...)
	}
	if err != nil {
		return "", fmt.Errorf("store environment %s: %w", name, err)
	}
	t.environments.add(key, e)
	return e.Name, nil
}

// storedEnvironment is a row of the table environments.
type storedEnvironment struct {
	environmentKey
	dora.Environment
}

const selectEnvironments = "SELECT repository, folded, name, production, checksum FROM environments "

var saveEnvironment = upsert("environments", "repository, folded", "name, production, checksum")

// scanEnvironment reads an environment and checks its checksum.
func scanEnvironment(path string, rows Rows) (e storedEnvironment, err error) {
	var sum int64
	if err := rows.Scan(&e.repository, &e.folded, &e.Name, &e.Production, &sum); err != nil {
		return e, err
	}
	return e, checkRow(path, "environment "+e.Name+" of "+e.repository, sum, e.repository, e.folded, e.Name, e.Production)
}

// Environments returns the environments of all repositories, at most limit unless it is negative: production first, then by name.
func (r *Reader) Environments(ctx context.Context, limit int) ([]dora.Environment, error) {
	var all []dora.Environment
	last := ""
	err := r.query(ctx, selectEnvironments+"ORDER BY folded, name", nil, func(rows Rows) error {
		e, err := scanEnvironment(r.path, rows)
		switch {
		case err != nil:
			return err
		case len(all) > 0 && e.folded == last:
			all[len(all)-1].Production = all[len(all)-1].Production || e.Production
		default:
			all, last = append(all, e.Environment), e.folded
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read environments: %w", err)
	}
	slices.SortStableFunc(all, func(a, b dora.Environment) int {
		if a.Production != b.Production && a.Production {
			return -1
		} else if a.Production != b.Production {
			return 1
		}
		return 0
	})
	if limit >= 0 && len(all) > limit {
		all = all[:limit]
	}
	return all, nil
}
