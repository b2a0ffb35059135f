package persistence

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"dora-exporter/dora"
)

// Incident returns what is remembered of an incident; its zero value when nothing is.
func (t *tx) Incident(key string) (dora.Incident, error) {
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

// SaveIncident remembers an incident.
func (t *tx) SaveIncident(i dora.Incident) error {
	labels, err := json.Marshal(i.Labels)
	if err == nil {
		row := []any{i.Key, string(labels), i.Created.UnixMilli(), i.Resolved.UnixMilli(), i.Counted}
		_, err = t.exec("INSERT OR REPLACE INTO incidents (key, labels, created, resolved, counted, checksum) VALUES (?, ?, ?, ?, ?, ?)",
			append(row, checksum(row...))...)
	}
	if err != nil {
		return fmt.Errorf("store incident %s: %w", i.Key, err)
	}
	return nil
}
