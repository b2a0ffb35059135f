package persistence

import (
	"encoding/json"
	"fmt"

	"dora-exporter/dora"
)

// Incident returns what is remembered of an incident; its zero value when nothing is.
func (t *tx) Incident(key string) (dora.Incident, error) {
	i := dora.Incident{Key: key}
	var labels []byte
	var created, resolved int64
	known, err := t.queryRow("SELECT labels, created, resolved, counted FROM incidents WHERE key = ?", []any{key},
		&labels, &created, &resolved, &i.Counted)
	if err == nil && known {
		err = json.Unmarshal(labels, &i.Labels)
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
		_, err = t.exec("INSERT OR REPLACE INTO incidents (key, labels, created, resolved, counted) VALUES (?, ?, ?, ?, ?)",
			i.Key, string(labels), i.Created.UnixMilli(), i.Resolved.UnixMilli(), i.Counted)
	}
	if err != nil {
		return fmt.Errorf("store incident %s: %w", i.Key, err)
	}
	return nil
}
