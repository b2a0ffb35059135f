package sqlstore

import (
	"context"
	"database/sql"
	"fmt"

	"dora-exporter/dora"
)

const selectOrigin = "SELECT origin, checksum FROM commits WHERE stem = " + textID + " AND rest = ?"

// knownOrigin is the origin of a commit, if it is known.
type knownOrigin struct {
	dora.Origin

	known bool
}

// maxCachedCommits is how many commits the pull request of an origin may have that is cached.
const maxCachedCommits = 50

// Origin returns the cached origin of a commit; false if it is unknown.
func (t commitTx) Origin(commit string) (dora.Origin, bool, error) {
	if o, ok := t.origins.get(commit); ok {
		return o.Origin, o.known, nil
	}
	o, known, err := readOrigin(t.query, t.writer.path, t.writer.codec, commit)
	if err == nil {
		t.cacheOrigin(commit, knownOrigin{o, known})
	}
	return o, known, err
}

func (t commitTx) cacheOrigin(commit string, o knownOrigin) {
	if len(o.PullCommits) <= maxCachedCommits {
		t.origins.set(commit, o)
	} else {
		t.origins.remove(commit)
	}
}

// KnownOrigin returns the cached origin of a commit; false if it is unknown.
func (r *Reader) KnownOrigin(ctx context.Context, commit string) (dora.Origin, bool, error) {
	return readOrigin(r.queryFunc(ctx), r.path, r.codec, commit)
}

// KnownOrigin returns the cached origin of a commit; false if it is unknown. It reads only those that were not used lately.
func (s *Store) KnownOrigin(ctx context.Context, commit string) (dora.Origin, bool, error) {
	if o, ok := s.writer.caches.origins.getCommitted(commit); ok && s.writer.engine.IsExclusive() {
		return o.Origin, o.known, nil
	}
	return s.Reader.KnownOrigin(ctx, commit)
}

func readOrigin(query queryFunc, path string, c *codec, commit string) (o dora.Origin, known bool, err error) {
	stem, rest := cutStem(commit)
	err = query(selectOrigin, []any{stem, rest}, func(rows Rows) error {
		var origin sql.RawBytes
		var sum int64
		if err := rows.Scan(&origin, &sum); err != nil {
			return err
		}
		known = true
		if err := checkRow(path, "its record", sum, commit, []byte(origin)); err != nil {
			return err
		}
		return c.decode(origin, &o)
	})
	if err != nil {
		return dora.Origin{}, false, fmt.Errorf("read the origin of %s: %w", commit, err)
	}
	return o, known, nil
}

var saveOrigin = upsert("commits", "stem, rest", "origin, checksum")

// SaveOrigin caches the origin of a commit.
func (t commitTx) SaveOrigin(commit string, o dora.Origin) error {
	origin, err := t.writer.codec.encode(o)
	begin, rest := cutStem(commit)
	var stem int64
	if err == nil {
		stem, err = t.text(begin)
	}
	if err == nil {
		err = t.send(saveOrigin, stem, rest, origin, checksum(commit, origin))
	}
	if err != nil {
		return fmt.Errorf("store the origin of %s: %w", commit, err)
	}
	t.cacheOrigin(commit, knownOrigin{o, true})
	return nil
}

// MarkUnshipped stores that no deployment is known to ship a commit.
func (t commitTx) MarkUnshipped(commit string) error {
	begin, rest := cutStem(commit)
	stem, err := t.text(begin)
	if err == nil {
		err = t.send("INSERT INTO unshipped (position, stem, rest) VALUES ((SELECT coalesce(max(position), 0) FROM facts), ?, ?) ON CONFLICT DO NOTHING", stem, rest)
	}
	if err != nil {
		return fmt.Errorf("mark the origin of %s: %w", commit, err)
	}
	return nil
}
