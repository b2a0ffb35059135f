package sqlstore

import (
	"context"
	"database/sql"
	"fmt"

	"dora-exporter/dora"
)

const selectOrigin = "SELECT origin, checksum FROM commits WHERE stem = " + textID + " AND rest = ?"

// Origin returns the cached origin of a commit; false if it is unknown.
func (t commitTx) Origin(commit string) (o dora.Origin, known bool, err error) {
	var origin []byte
	var sum int64
	stem, rest := cutStem(commit)
	known, err = t.queryRow(selectOrigin, []any{stem, rest}, &origin, &sum)
	if err == nil && known {
		err = checkRow(t.writer.path, "its record", sum, commit, origin)
	}
	if err == nil && known {
		err = t.writer.codec.decode(origin, &o)
	}
	if err != nil {
		return dora.Origin{}, false, fmt.Errorf("read the origin of %s: %w", commit, err)
	}
	return o, known, nil
}

// KnownOrigin returns the cached origin of a commit; false if it is unknown.
func (r *Reader) KnownOrigin(ctx context.Context, commit string) (o dora.Origin, known bool, err error) {
	stem, rest := cutStem(commit)
	err = r.query(ctx, selectOrigin, []any{stem, rest}, func(rows *sql.Rows) error {
		var origin []byte
		var sum int64
		if err := rows.Scan(&origin, &sum); err != nil {
			return err
		}
		known = true
		if err := checkRow(r.path, "its record", sum, commit, origin); err != nil {
			return err
		}
		return r.codec.decode(origin, &o)
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
	return nil
}
