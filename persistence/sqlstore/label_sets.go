package sqlstore

import (
	"context"
	"fmt"
)

// labelSet is the key of a row of the table label_sets.
type labelSet struct{ families, labels string }

// HasLabelSet reports whether a label set of a group of families has been admitted under the series limit.
func (t factTx) HasLabelSet(families, labels string) (bool, error) {
	key := labelSet{families, labels}
	if _, ok := t.labelSets.get(key); ok {
		return true, nil
	}
	known, err := t.exists("SELECT 1 FROM label_sets WHERE families = ? AND labels = ?", families, labels)
	if err != nil {
		return false, fmt.Errorf("look for the label set %s of %s: %w", labels, families, err)
	}
	if known {
		t.labelSets.add(key, 0)
	}
	return known, nil
}

var saveReserved = upsert("reserved_series", "families", "count, checksum")

// AddLabelSet admits a label set, which takes a number of series.
func (t factTx) AddLabelSet(families, labels string, series int) error {
	n, err := t.exec("INSERT INTO label_sets (families, labels, checksum) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", withChecksum(families, labels)...)
	if err == nil && n == 1 {
		var reserved int
		if reserved, err = t.Series(families); err == nil {
			err = t.send(saveReserved, withChecksum(families, int64(reserved+series))...)
		}
	}
	if err != nil {
		return fmt.Errorf("add the label set %s of %s: %w", labels, families, err)
	}
	return nil
}

// Series returns the number of series of the admitted label sets of a group of families.
func (t factTx) Series(families string) (int, error) {
	all, err := reservedSeries(t.writer.path, t.query, " WHERE families = ?", families)
	return all[families], err
}

// Series returns the number of series of the admitted label sets of each group of families.
func (r *Reader) Series(ctx context.Context) (map[string]int, error) {
	return reservedSeries(r.path, r.queryFunc(ctx), "")
}

func reservedSeries(path string, query queryFunc, where string, args ...any) (map[string]int, error) {
	all := map[string]int{}
	err := query("SELECT families, count, checksum FROM reserved_series"+where, args, func(rows Rows) error {
		var families string
		var n, sum int64
		if err := rows.Scan(&families, &n, &sum); err != nil {
			return err
		}
		all[families] = int(n)
		return checkRow(path, "the number of series of "+families, sum, families, n)
	})
	if err != nil {
		return nil, fmt.Errorf("count the series: %w", err)
	}
	return all, nil
}
