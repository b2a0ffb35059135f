package sqlstore

import (
	"fmt"
	"time"
)

// The keys in meta that every store has.
const (
	idKey      = "store_id"
	createdKey = "created"
	startedKey = "started"
)

// TouchedKey is the key in meta of what Engine.Probe writes.
const TouchedKey = "touched"

// FirstMeta returns the keys and values of a new store in meta, with a random id.
func FirstMeta(id string, created time.Time) map[string]string {
	at := created.UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano)
	return map[string]string{idKey: id, createdKey: at, startedKey: at}
}

// MetaRow returns the columns of a row of meta, for InsertMeta.
func MetaRow(key, value string) []any { return withChecksum(key, value) }

// InsertMeta stores a row of meta, or replaces the one with the same key.
var InsertMeta = upsert("meta", "key", "value, checksum")

// SaveMeta stores a value in meta.
func (t *Tx) SaveMeta(key, value string) error { return t.send(InsertMeta, MetaRow(key, value)...) }

// readMeta returns a value in meta; false if there is none.
func readMeta(path string, query queryFunc, key string) (value string, known bool, err error) {
	err = query("SELECT value, checksum FROM meta WHERE key = ?", []any{key}, func(rows Rows) error {
		var sum int64
		if err := rows.Scan(&value, &sum); err != nil {
			return err
		}
		known = true
		return checkRow(path, "its value "+key, sum, key, value)
	})
	return value, known, err
}

// readTime returns a time in meta.
func readTime(path string, query queryFunc, key string) (time.Time, error) {
	text, _, err := readMeta(path, query, key)
	if err != nil {
		return time.Time{}, fmt.Errorf("read when the store was %s: %w", key, err)
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, &CorruptError{Path: path, What: "when it was " + key + " is not a time", Err: err}
	}
	return at, nil
}
