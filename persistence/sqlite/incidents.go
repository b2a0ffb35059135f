package sqlite

import (
	"encoding/json"
	"fmt"

	"dora-exporter/dora"
)

// Get returns the record of an incident; its zero value if there is none.
func (t incidentTx) Get(key string) (dora.Incident, error) {
	i := dora.Incident{}
	var state string
	var sum int64
	known, err := t.queryRow("SELECT details, checksum FROM incidents WHERE key = ?", []any{key}, &state, &sum)
	if err == nil && known {
		err = checkRow(t.writer.path, "its record", sum, key, state)
	}
	if err == nil && known {
		err = json.Unmarshal([]byte(state), &i)
	}
	if err != nil {
		return dora.Incident{}, fmt.Errorf("read incident %s: %w", key, err)
	}
	return i, nil
}

// Save stores the record of an incident.
func (t incidentTx) Save(i dora.Incident) error {
	state, err := json.Marshal(i)
	if err == nil {
		_, err = t.exec("INSERT OR REPLACE INTO incidents (key, name, details, checksum) VALUES (?, ?, ?, ?)",
			i.Key, i.Name, string(state), checksum(i.Key, string(state)))
	}
	if err != nil {
		return fmt.Errorf("store incident %s: %w", i.Key, err)
	}
	return nil
}
