package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"dora-exporter/dora"
)

// WithKey returns a repository by its key; false if there is none.
func (t repositoryTx) WithKey(key string) (dora.Repository, bool, error) {
	return t.repository("WHERE key = ?", key)
}

// WithID returns a repository by its host and id; false if there is none.
func (t repositoryTx) WithID(host string, id int64) (dora.Repository, bool, error) {
	if id == 0 {
		return dora.Repository{}, false, nil
	}
	return t.repository("WHERE host = ? AND id = ? AND id <> 0", host, id)
}

func (t repositoryTx) repository(query string, args ...any) (dora.Repository, bool, error) {
	return firstRow(t.repositories(query, args...))
}

// Named returns the repositories that an event called by a name, the one whose newest event of that name is the latest first.
func (t repositoryTx) Named(name string) ([]dora.Repository, error) {
	return t.repositories("JOIN repository_names ON repository = key WHERE name = ? ORDER BY seen DESC, key", name)
}

func (t repositoryTx) repositories(query string, args ...any) ([]dora.Repository, error) {
	return readAllIn(t.tx, "repositories", "SELECT key, host, id FROM repositories "+query, args, func(rows *sql.Rows) (r dora.Repository, err error) {
		err = rows.Scan(&r.Key, &r.Host, &r.ID)
		return r, err
	})
}

// Save stores a repository.
func (t repositoryTx) Save(r dora.Repository) error {
	err := t.send("INSERT INTO repositories (key, host, id) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET host = excluded.host, id = excluded.id", r.Key, r.Host, r.ID)
	if err != nil {
		return fmt.Errorf("store repository %s: %w", r.Key, err)
	}
	return nil
}

// AddName records that an event called a repository by a name.
func (t repositoryTx) AddName(key, name string, at time.Time) error {
	known, err := t.exec("UPDATE repository_names SET seen = CASE WHEN seen > ?1 THEN seen ELSE ?1 END WHERE name = ?2 AND repository = ?3",
		at.UnixMilli(), name, key)
	if err == nil && known == 0 {
		err = t.addNewName(key, name, at)
	}
	if err != nil {
		return fmt.Errorf("store the name of repository %s: %w", key, err)
	}
	return nil
}

// addNewName records a name that no event has called a repository by. Incidents may have named it so, unless it is the first one.
func (t repositoryTx) addNewName(key, name string, at time.Time) error {
	again, err := t.exists("SELECT 1 FROM repository_names WHERE repository = ? LIMIT 1", key)
	if err == nil && again {
		err = t.markStale(time.Time{}, dora.StaleIncidents)
	}
	if err == nil {
		err = t.send("INSERT INTO repository_names (name, repository, seen) VALUES (?, ?, ?)", name, key, at.UnixMilli())
	}
	return err
}

// AddEnvironment records an environment and returns how the first one was spelled whose name differs in case alone.
func (t repositoryTx) AddEnvironment(repository, name string, production bool) (spelling string, err error) {
	folded, was := dora.FoldName(name), false
	known, err := t.queryRow("SELECT name, production FROM environments WHERE repository = ? AND folded = ?", []any{repository, folded}, &spelling, &was)
	switch {
	case err != nil:
	case !known:
		spelling = name
		err = t.send("INSERT INTO environments (repository, folded, name, production) VALUES (?, ?, ?, ?)", repository, folded, name, production)
	case production && !was:
		err = t.send("UPDATE environments SET production = 1 WHERE repository = ? AND folded = ?", repository, folded)
	}
	if err != nil {
		return "", fmt.Errorf("store environment %s: %w", name, err)
	}
	return spelling, nil
}

// Environments returns the environments of all repositories, at most limit unless it is negative: production first, then by name.
func (r *Reader) Environments(ctx context.Context, limit int) ([]dora.Environment, error) {
	spelled, err := readAll(ctx, r, "environments", "SELECT DISTINCT folded, name, production FROM environments ORDER BY folded, name", nil,
		func(rows *sql.Rows) (e spelledEnvironment, err error) {
			err = rows.Scan(&e.folded, &e.Name, &e.Production)
			return e, err
		})
	if err != nil {
		return nil, err
	}
	var all []dora.Environment
	for i, e := range spelled {
		if i > 0 && e.folded == spelled[i-1].folded {
			all[len(all)-1].Production = all[len(all)-1].Production || e.Production
		} else {
			all = append(all, e.Environment)
		}
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

// spelledEnvironment is an environment with its name without regard to case.
type spelledEnvironment struct {
	dora.Environment
	folded string
}

// NewestName returns the name by which the newest event called a repository; empty if none has.
func (r *Reader) NewestName(ctx context.Context, repository string) (name string, err error) {
	err = r.query(ctx, "SELECT name FROM repository_names WHERE repository = ? ORDER BY seen DESC, name LIMIT 1", []any{repository},
		func(rows *sql.Rows) error { return rows.Scan(&name) })
	if err != nil {
		return "", fmt.Errorf("read the newest name of repository %s: %w", repository, err)
	}
	return name, nil
}

// repositoriesByName returns the keys of the repositories that events have called by each name.
func (r *Reader) repositoriesByName(ctx context.Context) (map[string][]string, error) {
	all := map[string][]string{}
	err := r.query(ctx, "SELECT name, repository FROM repository_names ORDER BY name, repository", nil, func(rows *sql.Rows) error {
		var name, repository string
		err := rows.Scan(&name, &repository)
		all[name] = append(all[name], repository)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the names of repositories: %w", err)
	}
	return all, nil
}
