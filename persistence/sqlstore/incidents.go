package sqlstore

import (
	"encoding/json"
	"fmt"

	"dora-exporter/dora"
)

// Get returns the record of an incident with its events; its zero value if there is none.
func (t incidentTx) Get(key string) (dora.Incident, error) {
	i := dora.Incident{}
	err := t.read("SELECT details, checksum FROM incidents WHERE key = ?", key, "its record", &i)
	if err == nil {
		err = t.read("SELECT events, checksum FROM incident_events WHERE key = ?", key, "its events", &i.Events)
	}
	if err != nil {
		return dora.Incident{}, fmt.Errorf("read incident %s: %w", key, err)
	}
	return i, nil
}

// read decodes a column of the row with a key; to is left as it is if there is no such row.
func (t incidentTx) read(query, key, what string, to any) error {
	var text string
	var sum int64
	known, err := t.queryRow(query, []any{key}, &text, &sum)
	if err != nil || !known {
		return err
	}
	if err := checkRow(t.writer.path, what, sum, key, text); err != nil {
		return err
	}
	return json.Unmarshal([]byte(text), to)
}

var (
	saveIncident       = upsert("incidents", "key", "name, created, counts, details, checksum")
	saveIncidentEvents = upsert("incident_events", "key", "events, checksum")
)

// Save stores the record of an incident and its events.
func (t incidentTx) Save(i dora.Incident) error {
	state, err := json.Marshal(i)
	if err == nil {
		err = t.send(saveIncident, i.Key, i.Name, i.Created.UnixMilli(), i.IsCounted(), string(state), checksum(i.Key, string(state)))
	}
	if err != nil {
		return fmt.Errorf("store incident %s: %w", i.Key, err)
	}
	if err := t.markStaleIncident(i); err != nil {
		return err
	}
	events, err := json.Marshal(i.Events)
	if err == nil {
		err = t.send(saveIncidentEvents, i.Key, string(events), checksum(i.Key, string(events)))
	}
	if err != nil {
		return fmt.Errorf("store the events of incident %s: %w", i.Key, err)
	}
	return nil
}
