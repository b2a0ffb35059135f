package sqlstore

import (
	"fmt"
	"time"

	"dora-exporter/dora"
)

// staleSince marks what is stale when a deployment is stored: the days of its scope since its time, the one before or the new one.
func (t *tx) staleSince(d dora.DeploymentRecord) error {
	var scope string
	var at int64
	since := d.When()
	known, err := t.queryRow("SELECT (SELECT text FROM texts WHERE id = scope), found_at FROM deployments WHERE key = ?", []any{d.Key()}, &scope, &at)
	if err != nil {
		return err
	}
	if before := fromMillis(at); known && before.Before(since) {
		since = before
	}
	if known && scope != d.Scope() {
		if err := t.markStale(since, scope); err != nil {
			return err
		}
	}
	return t.markStale(since, d.Scope(), dora.StaleIncidents)
}

// markStale records that the days of scopes are stale since a time, unless they are since an earlier one.
func (t *tx) markStale(since time.Time, scopes ...string) error {
	for _, scope := range scopes {
		_, err := t.exec("INSERT INTO stale_days (scope, since) VALUES (?, ?) ON CONFLICT (scope) DO UPDATE SET since = excluded.since WHERE stale_days.since > excluded.since",
			scope, since.UnixMilli())
		if err != nil {
			return fmt.Errorf("mark days as stale: %w", err)
		}
	}
	return nil
}
