package persistence

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"dora-exporter/dora"
)

// Get returns what is remembered of an issue; its zero value when nothing is.
func (t incidentTx) Get(key string) (dora.Incident, error) {
	i := dora.Incident{}
	var state string
	var sum sql.NullInt64
	known, err := t.queryRow("SELECT state, checksum FROM issues WHERE key = ?", []any{key}, &state, &sum)
	if err == nil && !known {
		return t.earlierIncident(key)
	}
	if err == nil {
		err = checkRow(t.writer.path, "what is remembered of it", sum, key, state)
	}
	if err == nil {
		err = json.Unmarshal([]byte(state), &i)
	}
	if err != nil {
		return dora.Incident{}, fmt.Errorf("read incident %s: %w", key, err)
	}
	return i, nil
}

const earlierIncidents = "SELECT key, labels, created, resolved, counted, checksum FROM incidents WHERE key = ?"

// earlierIncident is what a version of the program that remembered less kept of an incident; its zero value when that is nothing.
func (t *tx) earlierIncident(key string) (i dora.Incident, err error) {
	err = t.query(earlierIncidents, []any{key}, func(rows *sql.Rows) (err error) {
		i, err = scanEarlierIncident(t.writer.path, rows)
		return err
	})
	if err != nil {
		return dora.Incident{}, fmt.Errorf("read incident %s: %w", key, err)
	}
	return i, nil
}

// scanEarlierIncident reads such a row. All issues were incidents to that version, and its newest resolution is the earliest
// that is known.
func scanEarlierIncident(path string, rows *sql.Rows) (dora.Incident, error) {
	i := dora.Incident{IsIncident: true}
	var labels string
	var created, resolved int64
	var sum sql.NullInt64
	if err := rows.Scan(&i.Key, &labels, &created, &resolved, &i.Counted, &sum); err != nil {
		return i, err
	}
	if err := checkRow(path, "what is remembered of it", sum, i.Key, labels, created, resolved, i.Counted); err != nil {
		return i, err
	}
	i.Created, i.Resolved = fromMillis(created), fromMillis(resolved)
	i.FirstResolved = i.Resolved
	return i, json.Unmarshal([]byte(labels), &i.Labels)
}

// Save remembers an issue.
func (t incidentTx) Save(i dora.Incident) error {
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
