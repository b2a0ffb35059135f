package sqlstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"dora-exporter/dora"
)

// RemoveFacts adds the oldest facts to the sums and removes them.
func (t removalTx) RemoveFacts(upTo int64, before time.Time, limit int) (removed int, err error) {
	row, err := t.removalRow()
	if err != nil {
		return 0, fmt.Errorf("remove facts: %w", err)
	}
	facts, err := t.factsAfter(row.position, upTo, limit)
	if err == nil && len(facts) > 0 {
		err = t.addToSums(facts)
	}
	for _, f := range facts {
		if err == nil {
			err = t.addRemoved(&row, removedKey{f.Family, f.Subject})
		}
	}
	if err == nil && len(facts) > 0 {
		row.position += int64(len(facts))
		row.before = max(row.before, before.UnixMilli())
		t.changeFacts()
		err = t.send("DELETE FROM facts WHERE position <= ?", row.position)
	}
	if err == nil && len(facts) > 0 {
		err = t.saveRemovalRow(row)
	}
	if err != nil {
		return 0, fmt.Errorf("remove the facts after position %d: %w", row.position, err)
	}
	return len(facts), nil
}

// factsAfter returns at most limit facts after a position, up to another one, without the newest of all.
func (t *tx) factsAfter(after, upTo int64, limit int) (facts []dora.Fact, err error) {
	labels := map[int64]dora.Labels{}
	err = t.query(selectFacts+"WHERE facts.position > ? AND facts.position <= ? AND facts.position < (SELECT max(position) FROM facts) ORDER BY facts.position LIMIT ?",
		[]any{after, upTo, limit}, func(rows Rows) error {
			f, err := scanFact(t.writer.path, rows, labels)
			if err != nil {
				return err
			}
			if expected := after + int64(len(facts)) + 1; f.Position != expected {
				return missingFact(t.writer.path, expected)
			}
			facts = append(facts, f)
			return nil
		})
	return facts, err
}

// addToSums adds those facts to the stored sums that these don't have.
func (t *tx) addToSums(facts []dora.Fact) error {
	stored, err := t.sumsPosition()
	if err != nil {
		return err
	}
	first, last := facts[0].Position, facts[len(facts)-1].Position
	switch {
	case stored.position >= last:
		return nil
	case stored.position+1 < first:
		return &CorruptError{Path: t.writer.path, What: fmt.Sprintf("the sums of the facts end at %d, and the facts up to %d are not there", stored.position, first-1)}
	}
	facts = facts[stored.position+1-first:]
	rows, err := t.sumsOfSeries(facts)
	if err != nil {
		return err
	}
	before := rowsSum(rows)
	state, err := stateOf(t.writer.path, rows)
	if err != nil {
		return err
	}
	if err := state.Add(dora.FamiliesByName(), facts...); err != nil {
		return err
	}
	changed, err := encodeSums(dora.Sums{State: state}, rows)
	if err != nil {
		return err
	}
	stored.position, stored.rows = last, stored.rows+rowsSum(rows)-before
	return t.writeSums(stored, rows, changed)
}

// sumsOfSeries returns the stored sums of the series that some facts belong to.
func (t *tx) sumsOfSeries(facts []dora.Fact) (map[sumKey]sumRow, error) {
	all := map[sumKey]sumRow{}
	for _, f := range facts {
		labels, err := labelsText(f.Labels)
		if err != nil {
			return nil, err
		}
		key := sumKey{f.Family, labels}
		if _, read := all[key]; read {
			continue
		}
		var row sumRow
		known, err := t.queryRow("SELECT own, at, id, buckets, checksum FROM sums WHERE family = ? AND labels = ?", []any{key.family, key.labels},
			&row.own, &row.at, &row.id, &row.buckets, &row.checksum)
		if err == nil && known {
			err = key.check(t.writer.path, row)
		}
		if err != nil {
			return nil, err
		}
		if known {
			all[key] = row
		}
	}
	return all, nil
}

// sumsPosition returns the row of the table sums_position. The bounds of the stored histograms must be those of this version.
func (t *tx) sumsPosition() (p sumsPosition, err error) {
	bounds, err := json.Marshal(dora.BoundsOf(dora.Families()))
	if err != nil {
		return p, err
	}
	p, err = readSumsPosition(t.writer.path, t.query)
	switch {
	case err != nil:
		return p, err
	case p == sumsPosition{}:
		return sumsPosition{bounds: string(bounds)}, nil
	case p.bounds != string(bounds):
		return p, errors.New("the sums of the facts have histograms with other bounds")
	}
	return p, nil
}
