package persistence

import (
	"encoding/json"
	"fmt"

	"dora-exporter/dora"
)

// Origin returns the cached origin of a commit; false when it is not known yet.
func (t *tx) Origin(commit string) (o dora.Origin, known bool, err error) {
	var origin []byte
	known, err = t.queryRow("SELECT origin FROM origins WHERE commit_key = ?", []any{commit}, &origin)
	if err == nil && known {
		err = json.Unmarshal(origin, &o)
	}
	if err != nil {
		return dora.Origin{}, false, fmt.Errorf("read the origin of %s: %w", commit, err)
	}
	return o, known, nil
}

// SaveOrigin caches the origin of a commit.
func (t *tx) SaveOrigin(commit string, o dora.Origin) error {
	origin, err := json.Marshal(o)
	if err == nil {
		_, err = t.exec("INSERT OR REPLACE INTO origins (commit_key, origin) VALUES (?, ?)", commit, string(origin))
	}
	if err != nil {
		return fmt.Errorf("store the origin of %s: %w", commit, err)
	}
	return nil
}
