package sqlstore

import (
	"context"
	"fmt"
	"math"
	"time"

	"dora-exporter/dora"
)

// storage.retention removes what is old (dora.RemovalTx). A batch is one transaction, in which the facts that it removes are added to
// the sums of their series first, and the keys of what it removes to removed_keys. The row of the table removal has the position of
// the last fact that was removed, and the number and sum of all keys, so that a missing or damaged key is found. Freed pages are
// reused; the file does not shrink.

// removalRow is the row of the table removal. Its zero value stands for none.
type removalRow struct{ position, before, complete, keys, keysSum int64 }

// columns returns what the checksum of the row covers.
func (r removalRow) columns() []any {
	return []any{onlyID, r.position, r.before, r.complete, r.keys, r.keysSum}
}

func (r removalRow) removal() dora.Removal {
	if r.before == 0 {
		return dora.Removal{}
	}
	return dora.Removal{Position: r.position, Before: fromMillis(r.before)}
}

// Removal returns how much of the history has been removed.
func (r *Reader) Removal(ctx context.Context) (dora.Removal, error) {
	row, err := readRemovalRow(r.path, r.queryFunc(ctx))
	return row.removal(), err
}

// readRemovalRow reads the row and checks its checksum.
func readRemovalRow(path string, query queryFunc) (row removalRow, err error) {
	err = query("SELECT position, before, complete, keys, keys_sum, checksum FROM removal", nil, func(rows Rows) error {
		var sum int64
		if err := rows.Scan(&row.position, &row.before, &row.complete, &row.keys, &row.keysSum, &sum); err != nil {
			return err
		}
		return checkRow(path, "the record of what was removed", sum, row.columns()...)
	})
	if err != nil {
		return removalRow{}, fmt.Errorf("read what was removed: %w", err)
	}
	return row, nil
}

func (t *tx) removalRow() (removalRow, error) { return readRemovalRow(t.writer.path, t.query) }

var saveRemoval = upsert("removal", "id", "position, before, complete, keys, keys_sum, checksum")

func (t *tx) saveRemovalRow(row removalRow) error {
	return t.send(saveRemoval, withChecksum(row.columns()...)...)
}

// MarkArrival stores the newest delivery and fact as those of the day on which that delivery arrived. They count as having arrived by
// the end of the day, so a fact that is made later, as after an outage of GitHub, is kept for longer. If the day has a mark from before a
// clock that was behind, it forgets what that clock has marked.
func (t removalTx) MarkArrival() error {
	day := dora.Day.Milliseconds()
	err := t.send(`DELETE FROM arrivals WHERE EXISTS (SELECT 1 FROM arrivals AS marked WHERE marked.delivery < arrivals.delivery AND marked.day > arrivals.day
		AND marked.day = (SELECT received / ? FROM deliveries WHERE id = (SELECT max(id) FROM deliveries)))`, day)
	if err == nil {
		err = t.send(`INSERT INTO arrivals (day, delivery, position)
			SELECT received / ?, id, (SELECT coalesce(max(position), 0) FROM facts) FROM deliveries WHERE id = (SELECT max(id) FROM deliveries)
			ON CONFLICT (day) DO UPDATE SET delivery = excluded.delivery, position = excluded.position`, day)
	}
	if err == nil {
		err = t.send("DELETE FROM arrivals WHERE day < (SELECT max(day) FROM arrivals WHERE day < (SELECT before FROM removal) / ? - 1)", day)
	}
	if err != nil {
		return fmt.Errorf("mark what has arrived: %w", err)
	}
	return nil
}

// ArrivedBefore returns the newest delivery and fact of the days before that of a time. Deliveries arrive in the order of their ids, so a
// day that has a delivery after one of a later day is that of a clock which was behind, and does not count. A later day than that of the
// newest delivery is that of a clock which was ahead, and does not count either, unless the newest one itself is before the time.
func (t removalTx) ArrivedBefore(at time.Time) (a dora.Arrival, err error) {
	_, err = t.queryRow(`WITH newest AS (SELECT day FROM arrivals WHERE delivery = (SELECT max(delivery) FROM arrivals)),
			later AS (SELECT min(arrivals.delivery) AS delivery FROM arrivals, newest WHERE arrivals.day >= ?1 AND (arrivals.day <= newest.day OR newest.day < ?1))
		SELECT coalesce(max(delivery), 0), coalesce(max(position), 0) FROM arrivals WHERE day < ?1 AND delivery < (SELECT coalesce(delivery, ?2) FROM later)`,
		[]any{dora.DayOf(at), int64(math.MaxInt64)}, &a.Delivery, &a.Position)
	if err != nil {
		return a, fmt.Errorf("read what arrived before %s: %w", dora.FormatTime(at), err)
	}
	return a, nil
}
