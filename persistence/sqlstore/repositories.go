package sqlstore

import (
	"cmp"
	"context"
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
	return t.repository("WHERE host = ? AND id = ? AND id <> 0", host, id)
}

func (t repositoryTx) repository(query string, args ...any) (dora.Repository, bool, error) {
	return firstRow(t.repositories(query, args...))
}

// Named returns the repositories that an event called by a name, the one whose newest event of that name is the latest first.
func (t repositoryTx) Named(name string) ([]dora.Repository, error) {
	if only, ok := t.onlyNamed.get(name); ok {
		return []dora.Repository{only}, nil
	}
	all, err := t.repositories("JOIN repository_names ON repository = key WHERE name = ? ORDER BY seen DESC, key", name)
	if err == nil && len(all) == 1 {
		t.onlyNamed.add(name, all[0])
	}
	return all, err
}

func (t repositoryTx) repositories(query string, args ...any) ([]dora.Repository, error) {
	return readAllIn(t.tx, "repositories", "SELECT key, host, id, checksum FROM repositories "+query, args, func(rows Rows) (r dora.Repository, err error) {
		var sum int64
		if err := rows.Scan(&r.Key, &r.Host, &r.ID, &sum); err != nil {
			return r, err
		}
		return r, checkRow(t.writer.path, "repository "+r.Key, sum, r.Key, r.Host, r.ID)
	})
}

// SeenSince returns the repositories that an event has named since a time, by their newest names.
func (t repositoryTx) SeenSince(at time.Time) (all []dora.NamedRepository, err error) {
	last := ""
	err = t.query("SELECT repository, name, host FROM repository_names JOIN repositories ON key = repository WHERE seen >= ? ORDER BY repository, seen DESC, name",
		[]any{at.UnixMilli()}, func(rows Rows) error {
			var key, name, host string
			err := rows.Scan(&key, &name, &host)
			if err == nil && key != last {
				named := dora.Commit{Host: host}.CalledBy(name)
				all, last = append(all, dora.NamedRepository{Host: host, Owner: named.Owner, Name: named.Repository}), key
			}
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("read the repositories that were named last: %w", err)
	}
	return all, nil
}

var saveRepository = upsert("repositories", "key", "host, id, checksum")

// Save stores a repository.
func (t repositoryTx) Save(r dora.Repository) error {
	t.onlyNamed.clear()
	err := t.send(saveRepository, withChecksum(r.Key, r.Host, r.ID)...)
	if err != nil {
		return fmt.Errorf("store repository %s: %w", r.Key, err)
	}
	return nil
}

// AddName records that an event called a repository by a name.
func (t repositoryTx) AddName(key, name string, at time.Time) error {
	newest, cached := t.newestNames.get(key)
	if cached && newest.name == name && newest.seen >= at.UnixMilli() {
		return nil
	}
	known, err := t.exec("UPDATE repository_names SET seen = CASE WHEN seen > ?1 THEN seen ELSE ?1 END WHERE name = ?2 AND repository = ?3",
		at.UnixMilli(), name, key)
	if err == nil && known == 0 {
		err = t.addNewName(key, name, at)
	}
	if err != nil {
		return fmt.Errorf("store the name of repository %s: %w", key, err)
	}
	if !cached {
		newest, err = readNewestName(t.query, key)
	} else if seen := (seenName{name, at.UnixMilli()}); seen.compare(newest) > 0 {
		newest = seen
	}
	t.newestNames.set(key, newest)
	return err
}

// seenName is a name of a repository with the time of the newest event that called it so.
type seenName struct {
	name string
	seen int64
}

// compare returns a positive number if a repository is called n rather than other.
func (n seenName) compare(other seenName) int {
	return cmp.Or(cmp.Compare(n.seen, other.seen), strings.Compare(other.name, n.name))
}

// addNewName records a name that no event has called a repository by. Incidents may have named it so, unless it is the first one.
func (t repositoryTx) addNewName(key, name string, at time.Time) error {
	t.onlyNamed.remove(name)
	again, err := t.exists("SELECT 1 FROM repository_names WHERE repository = ? LIMIT 1", key)
	if err == nil && again {
		err = t.markStale(time.Time{}, dora.StaleIncidents)
	}
	if err == nil {
		err = t.send("INSERT INTO repository_names (name, repository, seen) VALUES (?, ?, ?)", name, key, at.UnixMilli())
	}
	return err
}

// NewestName returns the name by which the newest event called a repository; empty if none has.
func (r *Reader) NewestName(ctx context.Context, repository string) (string, error) {
	newest, err := readNewestName(r.queryFunc(ctx), repository)
	return newest.name, err
}

// NewestName returns the name by which the newest event called a repository; empty if none has. It reads only what no event has named
// lately.
func (s *Store) NewestName(ctx context.Context, repository string) (string, error) {
	if newest, ok := s.writer.caches.newestNames.getCommitted(repository); ok && s.writer.engine.IsExclusive() {
		return newest.name, nil
	}
	return s.Reader.NewestName(ctx, repository)
}

func readNewestName(query queryFunc, repository string) (n seenName, err error) {
	err = query("SELECT name, seen FROM repository_names WHERE repository = ? ORDER BY seen DESC, name LIMIT 1", []any{repository},
		func(rows Rows) error { return rows.Scan(&n.name, &n.seen) })
	if err != nil {
		return n, fmt.Errorf("read the newest name of repository %s: %w", repository, err)
	}
	return n, nil
}

// repositoriesByName returns the keys of the repositories that events have called by each name.
func (r *Reader) repositoriesByName(ctx context.Context) (map[string][]string, error) {
	all := map[string][]string{}
	err := r.query(ctx, "SELECT name, repository FROM repository_names ORDER BY name, repository", nil, func(rows Rows) error {
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
