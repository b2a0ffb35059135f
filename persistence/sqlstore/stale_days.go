package sqlstore

import (
	"fmt"
	"time"

	"dora-exporter/dora"
)

// staleSince marks what is stale when a deployment is stored: the days of its scope since its time, the one before or the new one.
func (t *tx) staleSince(d dora.DeploymentRecord, before storedDeployment) error {
	since := d.When()
	if before.id == 0 {
		return t.markStale(since, d.Scope(), dora.StaleIncidents)
	}
	if earlier := before.record.When(); earlier.Before(since) {
		since = earlier
	}
	if scope := before.record.Scope(); scope != d.Scope() {
		if err := t.markStale(since, scope); err != nil {
			return err
		}
	}
	return t.markStale(since, d.Scope(), dora.StaleIncidents)
}

// markStale records that the days of scopes are stale since a time, unless they are since an earlier one.
func (t *tx) markStale(since time.Time, scopes ...string) error {
	at := since.UnixMilli()
	for _, scope := range scopes {
		if marked, ok := t.stale.get(scope); ok && marked <= at {
			continue
		}
		err := t.send("INSERT INTO stale_days (scope, since) VALUES (?, ?) ON CONFLICT (scope) DO UPDATE SET since = excluded.since WHERE stale_days.since > excluded.since",
			scope, at)
		if err != nil {
			return fmt.Errorf("mark days as stale: %w", err)
		}
		t.stale.set(scope, at)
	}
	return nil
}
