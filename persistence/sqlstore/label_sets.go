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

// AddLabelSet admits a label set, which takes a number of series.
func (t factTx) AddLabelSet(families, labels string, series int) error {
	n, err := t.exec("INSERT INTO label_sets (families, labels) VALUES (?, ?) ON CONFLICT DO NOTHING", families, labels)
	if err == nil && n == 1 {
		err = t.send("INSERT INTO reserved_series (families, count) VALUES (?, ?) ON CONFLICT (families) DO UPDATE SET count = reserved_series.count + excluded.count",
			families, series)
	}
	if err != nil {
		return fmt.Errorf("add the label set %s of %s: %w", labels, families, err)
	}
	return nil
}

// Series returns the number of series of the admitted label sets of a group of families.
func (t factTx) Series(families string) (int, error) {
	var n int
	if _, err := t.queryRow("SELECT count FROM reserved_series WHERE families = ?", []any{families}, &n); err != nil {
		return 0, fmt.Errorf("count the series of %s: %w", families, err)
	}
	return n, nil
}

// Series returns the number of series of the admitted label sets of each group of families.
func (r *Reader) Series(ctx context.Context) (map[string]int, error) {
	all := map[string]int{}
	err := r.query(ctx, "SELECT families, count FROM reserved_series", nil, func(rows Rows) error {
		var families string
		var n int
		err := rows.Scan(&families, &n)
		all[families] = n
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("count the series: %w", err)
	}
	return all, nil
}
