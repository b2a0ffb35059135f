package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"dora-exporter/dora"
)

// Origin returns the cached origin of a commit; false if it is unknown.
func (t commitTx) Origin(commit string) (o dora.Origin, known bool, err error) {
	var origin string
	var sum int64
	known, err = t.queryRow("SELECT origin, checksum FROM commits WHERE key = ?", []any{commit}, &origin, &sum)
	if err == nil && known {
		err = checkRow(t.writer.path, "its record", sum, commit, origin)
	}
	if err == nil && known {
		err = json.Unmarshal([]byte(origin), &o)
	}
	if err != nil {
		return dora.Origin{}, false, fmt.Errorf("read the origin of %s: %w", commit, err)
	}
	return o, known, nil
}

// KnownOrigin returns the cached origin of a commit; false if it is unknown.
func (r *Reader) KnownOrigin(ctx context.Context, commit string) (o dora.Origin, known bool, err error) {
	err = r.query(ctx, "SELECT origin, checksum FROM commits WHERE key = ?", []any{commit}, func(rows *sql.Rows) error {
		var origin string
		var sum int64
		if err := rows.Scan(&origin, &sum); err != nil {
			return err
		}
		known = true
		if err := checkRow(r.path, "its record", sum, commit, origin); err != nil {
			return err
		}
		return json.Unmarshal([]byte(origin), &o)
	})
	if err != nil {
		return dora.Origin{}, false, fmt.Errorf("read the origin of %s: %w", commit, err)
	}
	return o, known, nil
}

// SaveOrigin caches the origin of a commit.
func (t commitTx) SaveOrigin(commit string, o dora.Origin) error {
	origin, err := json.Marshal(o)
	if err == nil {
		_, err = t.exec("INSERT OR REPLACE INTO commits (key, origin, checksum) VALUES (?, ?, ?)",
			commit, string(origin), checksum(commit, string(origin)))
	}
	if err != nil {
		return fmt.Errorf("store the origin of %s: %w", commit, err)
	}
	return nil
}
