package sqlstore

import (
	"fmt"

	"dora-exporter/dora"
)

// removableDelivery is a delivery that has no further effect.
type removableDelivery struct {
	id    int64
	key   string
	event dora.Event
}

// RemoveDeliveries removes processed deliveries, and remembers which deployments and issues they were about.
func (t removalTx) RemoveDeliveries(upTo int64, limit int) (removed int, err error) {
	row, err := t.removalRow()
	if err != nil {
		return 0, fmt.Errorf("remove deliveries: %w", err)
	}
	all, err := readAllIn(t.tx, "processed deliveries", "SELECT id, "+wholeText+", event FROM deliveries WHERE id <= ? AND state = 1 ORDER BY id LIMIT ?",
		[]any{upTo, limit}, func(rows Rows) (d removableDelivery, err error) {
			var event []byte
			if err := rows.Scan(&d.id, &d.key, &event); err != nil {
				return d, err
			}
			_ = t.writer.codec.decode(event, &d.event) // what a damaged delivery was about is kept
			return d, nil
		})
	if err != nil || len(all) == 0 {
		return 0, err
	}
	for _, d := range all {
		if err = t.removeDelivery(&row, d); err != nil {
			break
		}
	}
	if err == nil {
		err = t.saveRemovalRow(row)
	}
	if err != nil {
		return 0, fmt.Errorf("remove deliveries: %w", err)
	}
	return len(all), nil
}

func (t removalTx) removeDelivery(row *removalRow, d removableDelivery) error {
	err := t.addRemoved(row, removedKey{removedDelivery, d.key})
	if i := d.event.Incident; err == nil && i != nil {
		err = t.send("INSERT INTO aged (kind, key) SELECT ?, key FROM incidents WHERE key = ? ON CONFLICT DO NOTHING", dora.SubjectIncident, i.IssueKey())
	} else if err == nil {
		err = t.removeDeploymentEvent(row, d.event)
	}
	if err != nil {
		return err
	}
	return t.send("DELETE FROM deliveries WHERE id = ?", d.id)
}

// removeDeploymentEvent adds the deployments that an event is about to what may be removed: a status may have promoted one to several
// environments, and the event need not say so. If none is stored, it removes what the event has left.
func (t removalTx) removeDeploymentEvent(row *removalRow, e dora.Event) error {
	stored := numberArgs(e.Target())
	err := t.send("INSERT INTO aged (kind, key) SELECT ?, key FROM deployments WHERE "+ofNumber+" ON CONFLICT DO NOTHING",
		append([]any{dora.SubjectDeployment}, stored...)...)
	if err != nil {
		return err
	}
	if isStored, err := t.exists("SELECT 1 FROM deployments WHERE "+ofNumber+" LIMIT 1", stored...); err != nil || isStored {
		return err
	}
	return t.removeUnrecorded(row, dora.DeploymentKey(e.Target().Host, e.Target().ID), e)
}

// removeUnrecorded removes what is stored of an event whose deployment, by its key, is not: it has had no status that tells how it ended or
// that it runs, or has been removed.
func (t removalTx) removeUnrecorded(row *removalRow, deployment string, e dora.Event) error {
	if s := e.Status; s != nil {
		if err := t.addRemoved(row, removedKey{dora.SubjectStatus, deployment}); err != nil {
			return err
		}
		if err := deploymentTx(t).RemoveStatus(deployment, s.State, s.CreatedAt, s.ID); err != nil {
			return err
		}
	}
	d := e.Target()
	return t.removeOrigin(d.Commit().Key(), d.SHA)
}

// unshippedOrigin is a row of the table unshipped.
type unshippedOrigin struct {
	position, stem int64
	rest, commit   string
}

// RemoveUnshipped removes marks of origins that no deployment was known to need, and those that none needs.
func (t removalTx) RemoveUnshipped(upTo int64, limit int) (removed int, err error) {
	all, err := readAllIn(t.tx, "origins of unshipped commits",
		"SELECT position, stem, rest, "+wholeText+" FROM unshipped WHERE position <= ? ORDER BY position, stem, rest LIMIT ?", []any{upTo, limit},
		func(rows Rows) (o unshippedOrigin, err error) {
			err = rows.Scan(&o.position, &o.stem, &o.rest, &o.commit)
			return o, err
		})
	for _, o := range all {
		if err == nil {
			err = t.send("DELETE FROM unshipped WHERE position = ? AND stem = ? AND rest = ?", o.position, o.stem, o.rest)
		}
		if err == nil {
			err = t.removeOrigin(o.commit, dora.SHAOf(o.commit))
		}
	}
	if err != nil {
		return 0, fmt.Errorf("remove origins: %w", err)
	}
	return len(all), nil
}

// Aged returns deployments and issues of which a delivery has been removed.
func (t removalTx) Aged(after dora.AgedRecord, limit int) ([]dora.AgedRecord, error) {
	return readAllIn(t.tx, "what may be removed", "SELECT kind, key FROM aged WHERE (kind, key) > (?, ?) ORDER BY kind, key LIMIT ?",
		[]any{after.Kind, after.Key, limit}, func(rows Rows) (a dora.AgedRecord, err error) {
			err = rows.Scan(&a.Kind, &a.Key)
			return a, err
		})
}
