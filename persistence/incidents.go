package persistence

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"dora-exporter/dora"
)

// Incident returns what is remembered of an issue; its zero value when nothing is.
func (t *tx) Incident(key string) (dora.Incident, error) {
	i := dora.Incident{}
	var state string
	var sum sql.NullInt64
	known, err := t.queryRow("SELECT state, checksum FROM issues WHERE key = ?", []any{key}, &state, &sum)
	if err == nil && !known {
		return t.earlierIncident(key)
	}
	if err == nil {
		err = intact(t.writer.path, "what is remembered of it", sum, key, state)
	}
	if err == nil {
		err = json.Unmarshal([]byte(state), &i)
	}
	if err != nil {
		return dora.Incident{}, fmt.Errorf("read incident %s: %w", key, err)
	}
	return i, nil
}

// earlierIncident is what a version of the program that remembered less kept of an incident.
func (t *tx) earlierIncident(key string) (dora.Incident, error) {
	i := dora.Incident{Key: key}
	var labels string
	var created, resolved int64
	var sum sql.NullInt64
	known, err := t.queryRow("SELECT labels, created, resolved, counted, checksum FROM incidents WHERE key = ?", []any{key},
		&labels, &created, &resolved, &i.Counted, &sum)
	if err == nil && known {
		err = intact(t.writer.path, "what is remembered of it", sum, key, labels, created, resolved, i.Counted)
	}
	if err == nil && known {
		err = json.Unmarshal([]byte(labels), &i.Labels)
	}
	if err != nil {
		return dora.Incident{}, fmt.Errorf("read incident %s: %w", key, err)
	}
	if !known {
		return dora.Incident{}, nil
	}
	i.Created, i.Resolved = fromMillis(created), fromMillis(resolved)
	return i, nil
}

// SaveIncident remembers an issue.
func (t *tx) SaveIncident(i dora.Incident) error {
	state, err := json.Marshal(i)
	if err == nil {
		_, err = t.exec("INSERT OR REPLACE INTO issues (key, name, state, checksum) VALUES (?, ?, ?, ?)",
			i.Key, i.Name, string(state), checksum(i.Key, string(state)))
	}
	if err != nil {
		return fmt.Errorf("store incident %s: %w", i.Key, err)
	}
	return nil
}
