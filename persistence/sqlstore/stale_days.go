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

var saveStale = upsert("stale_days", "scope", "since, checksum")

// readStale calls add for rows of stale_days.
func readStale(path string, query queryFunc, add func(scope string, since time.Time), where string, args ...any) error {
	return query("SELECT scope, since, checksum FROM stale_days"+where, args, func(rows Rows) error {
		var scope string
		var since, sum int64
		if err := rows.Scan(&scope, &since, &sum); err != nil {
			return err
		}
		add(scope, fromMillis(since))
		return checkRow(path, "since when the days of "+scope+" are stale", sum, scope, since)
	})
}

// markStaleIncident marks what an issue shows as stale, unless it is nothing and was nothing when days were made.
func (t *tx) markStaleIncident(i dora.Incident) error {
	if !i.IsCounted() || i.Created.IsZero() {
		shown, err := t.exists("SELECT 1 FROM all_evidence WHERE giver = ? LIMIT 1", i.Key)
		if err != nil || !shown {
			return err
		}
	}
	return t.markStale(i.Created, dora.StaleIncident(i.Key))
}

// markStale records that the days of scopes are stale since a time, unless they are since an earlier one.
func (t *tx) markStale(since time.Time, scopes ...string) error {
	at := since.UnixMilli()
	for _, scope := range scopes {
		if marked, ok := t.stale.get(scope); ok && marked <= at {
			continue
		}
		if err := t.send(saveStale+" WHERE stale_days.since > excluded.since", withChecksum(scope, at)...); err != nil {
			return fmt.Errorf("mark days as stale: %w", err)
		}
		t.stale.set(scope, at)
	}
	return nil
}
