package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
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
	return t.repository("WHERE host = ? AND id = ?", host, id)
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
	_, err := t.exec("INSERT INTO repositories (key, host, id) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET host = excluded.host, id = excluded.id", r.Key, r.Host, r.ID)
	if err != nil {
		return fmt.Errorf("store repository %s: %w", r.Key, err)
	}
	return nil
}

// AddName records that an event called a repository by a name.
func (t repositoryTx) AddName(key, name string, at time.Time) error {
	known, err := t.exec("UPDATE repository_names SET seen = max(seen, ?) WHERE name = ? AND repository = ?", at.UnixMilli(), name, key)
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
	var exists int
	again, err := t.queryRow("SELECT 1 FROM repository_names WHERE repository = ? LIMIT 1", []any{key}, &exists)
	if err == nil && again {
		err = t.markStale(time.Time{}, dora.StaleIncidents)
	}
	if err == nil {
		_, err = t.exec("INSERT INTO repository_names (name, repository, seen) VALUES (?, ?, ?)", name, key, at.UnixMilli())
	}
	return err
}

// Merge gives all that is stored of a repository to another.
func (t repositoryTx) Merge(from, into string) error {
	deployments, err := newHistory(t.writer.path, t.query).deployments("WHERE repository = ?", from)
	if err != nil {
		return err
	}
	for _, d := range deployments {
		d.Identity = into
		if err := deploymentTx(t).Save(d); err != nil {
			return err
		}
	}
	lower, upper := prefixRange(from + "/")
	scope := "?2 || substr(scope, length(?1) + 1)"
	for _, statement := range []string{
		"UPDATE shipped SET scope = " + scope + ", repository = ?2 WHERE repository = ?1",
		"UPDATE titles SET scope = " + scope + " WHERE scope >= ?3 AND scope < ?4",
		"UPDATE evaluations SET scope = " + scope + ", repository = ?2, first = 0 WHERE repository = ?1",
		"UPDATE evidence SET scope = " + scope + " WHERE scope >= ?3 AND scope < ?4",
		"UPDATE all_evidence SET scope = " + scope + " WHERE scope >= ?3 AND scope < ?4",
		"UPDATE failed_changes SET scope = " + scope + " WHERE scope >= ?3 AND scope < ?4",
		`INSERT INTO repository_names (name, repository, seen) SELECT name, ?2, seen FROM repository_names WHERE repository = ?1
			ON CONFLICT DO UPDATE SET seen = max(seen, excluded.seen)`,
		"DELETE FROM repository_names WHERE repository = ?1",
		"DELETE FROM repositories WHERE key = ?1",
	} {
		args := []any{from, into}
		if strings.Contains(statement, "?3") {
			args = append(args, lower, upper)
		}
		if _, err := t.exec(statement, args...); err != nil {
			return fmt.Errorf("merge repository %s into %s: %w", from, into, err)
		}
	}
	if err := t.markStale(time.Time{}, dora.StaleIncidents); err != nil {
		return err
	}
	return t.setFirstOfScopes(into)
}

// setFirstOfScopes records which deployment of each scope of a repository is to be evaluated first.
func (t repositoryTx) setFirstOfScopes(repository string) error {
	scopes, err := readAllIn(t.tx, "pending evaluations", "SELECT DISTINCT scope FROM evaluations WHERE kind = 'deployment' AND repository = ?",
		[]any{repository}, scanText)
	if err != nil {
		return err
	}
	for _, scope := range scopes {
		if err := t.setFirst(scope); err != nil {
			return err
		}
	}
	return nil
}

// AddEnvironment records an environment and returns how the first one was spelled whose name differs in case alone.
func (t repositoryTx) AddEnvironment(repository, name string, production bool) (spelling string, err error) {
	folded, was := dora.FoldName(name), false
	known, err := t.queryRow("SELECT name, production FROM environments WHERE repository = ? AND folded = ?", []any{repository, folded}, &spelling, &was)
	switch {
	case err != nil:
	case !known:
		spelling = name
		_, err = t.exec("INSERT INTO environments (repository, folded, name, production) VALUES (?, ?, ?, ?)", repository, folded, name, production)
	case production && !was:
		_, err = t.exec("UPDATE environments SET production = 1 WHERE repository = ? AND folded = ?", repository, folded)
	}
	if err != nil {
		return "", fmt.Errorf("store environment %s: %w", name, err)
	}
	return spelling, nil
}

// Environments returns the environments of all repositories, at most limit: production first, then by name.
func (r *Reader) Environments(ctx context.Context, limit int) ([]dora.Environment, error) {
	return readAll(ctx, r, "environments", `SELECT min(name), max(production) FROM environments GROUP BY folded
		ORDER BY max(production) DESC, folded LIMIT ?`, []any{limit}, func(rows *sql.Rows) (e dora.Environment, err error) {
		err = rows.Scan(&e.Name, &e.Production)
		return e, err
	})
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
