package sqlstore

import (
	"encoding/json"
	"fmt"
	"time"

	"dora-exporter/dora"
)

var (
	saveEvidence = upsert("all_evidence", "giver, cause, by", "target, scope, at, detail, late, checksum")
	saveDay      = upsert("days", "owned, date", "measured, checksum")
)

// StaleSince returns since when the days of a scope are stale; false if they are not.
func (t dayTx) StaleSince(scope string) (since time.Time, isStale bool, err error) {
	err = readStale(t.path, t.read, func(_ string, at time.Time) { since, isStale = at, true }, " WHERE scope = ?", scope)
	return since, isStale, err
}

// Restart marks all days as stale, which are to be made by another policy. It removes them, unless what they were made of has been removed.
func (t dayTx) Restart(policy string) error {
	removal, err := t.tx.removalRow()
	if err == nil && removal.complete == 0 {
		for _, statement := range []string{"DELETE FROM days", "DELETE FROM owned", "DELETE FROM all_evidence"} {
			if err == nil {
				err = t.tx.send(statement)
			}
		}
	}
	if err == nil {
		from, to := prefixRange(dora.StaleIncident(""))
		err = t.tx.send("DELETE FROM stale_days WHERE scope < ? OR scope >= ?", from, to) // issues that are no incidents any more stay
	}
	if err != nil {
		return fmt.Errorf("remove days: %w", err)
	}
	t.tx.stale.clear()
	scopes, err := readAllIn(t.tx, "scopes", "SELECT text FROM texts WHERE id IN (SELECT scope FROM deployments)", nil, scanText)
	if err == nil {
		err = t.tx.markStale(time.Time{}, append(scopes, dora.StaleIncidents)...)
	}
	if err == nil {
		err = t.tx.SaveMeta(policyKey, policy)
	}
	if err != nil {
		return fmt.Errorf("mark all days as stale: %w", err)
	}
	return nil
}

// Save stores days that were made anew.
func (t dayTx) Save(c dora.DayChanges) error {
	for giver, evidence := range c.Evidence {
		if err := t.saveEvidence(giver, evidence); err != nil {
			return err
		}
	}
	ids := map[dora.Owned]int64{}
	for owned, counts := range c.Counts {
		id, err := t.addCounts(owned, counts)
		if err != nil {
			return err
		}
		ids[owned] = id
	}
	for _, day := range c.Days {
		if err := t.saveDay(ids[day.Owned], day); err != nil {
			return err
		}
	}
	if err := t.tx.send("DELETE FROM owned WHERE deployments = 0"); err != nil {
		return fmt.Errorf("remove the counts of no deployments: %w", err)
	}
	for scope, since := range c.Stale {
		t.tx.stale.remove(scope)
		var err error
		if since.IsZero() {
			err = t.tx.send("DELETE FROM stale_days WHERE scope = ?", scope)
		} else {
			at := since.UnixMilli()
			err = t.tx.send("UPDATE stale_days SET since = ?, checksum = ? WHERE scope = ?", at, checksum(scope, at), scope)
		}
		if err != nil {
			return fmt.Errorf("mark days as made: %w", err)
		}
	}
	return nil
}

func (t dayTx) saveEvidence(giver string, evidence []dora.Evidence) error {
	err := t.tx.send("DELETE FROM all_evidence WHERE giver = ?", giver)
	for _, e := range evidence {
		if err == nil {
			err = t.tx.send(saveEvidence, withChecksum(append([]any{giver}, evidenceRow(e)...)...)...)
		}
	}
	if err != nil {
		return fmt.Errorf("store the evidence that %s gives: %w", giver, err)
	}
	return nil
}

// addCounts adds to what the days of some deployments add up to, and returns the id of its row.
func (t dayTx) addCounts(o dora.Owned, change dora.Counts) (id int64, err error) {
	all := dora.Counts{}
	const where = "WHERE scope = ? AND owner = ? AND repository = ? AND team = ? AND production = ?"
	args := []any{o.Scope, o.Owner, o.Repository, o.Team, o.Production}
	err = t.read("SELECT "+ownedColumns+", counts, checksum FROM owned "+where, args, func(rows Rows) error {
		_, all, err = t.scanCounts(rows)
		return err
	})
	if err != nil {
		return 0, err
	}
	all.Merge(change)
	text, err := json.Marshal(all)
	if err == nil {
		err = t.tx.send("INSERT INTO owned ("+ownedColumns+", deployments, counts, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT ("+ownedColumns+") DO UPDATE "+
			"SET deployments = excluded.deployments, counts = excluded.counts, checksum = excluded.checksum",
			append(args, all.Deployments(), string(text), checksum(ownedRow(o, string(text))...))...)
	}
	if err == nil {
		_, err = t.tx.queryRow("SELECT id FROM owned "+where, args, &id)
	}
	if err != nil {
		return 0, fmt.Errorf("store what the days of %s add up to: %w", o.Scope, err)
	}
	return id, nil
}

func (t dayTx) saveDay(id int64, day dora.MeasuredDay) (err error) {
	if len(day.Deployments) == 0 {
		err = t.tx.send("DELETE FROM days WHERE owned = ? AND date = ?", id, day.Date)
	} else {
		measured := day.Encode()
		err = t.tx.send(saveDay, id, day.Date, measured, checksum(id, day.Date, measured))
	}
	if err != nil {
		return fmt.Errorf("store day %d of %s: %w", day.Date, day.Scope, err)
	}
	return nil
}
