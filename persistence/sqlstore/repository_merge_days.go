package sqlstore

import (
	"math"
	"slices"
	"strings"

	"dora-exporter/dora"
)

// moveDays moves the days of the scopes of a repository to those of another. What is stale of them is made anew there. What can't be made
// anew, since storage.retention has removed something of a scope, counts on there.
func (t repositoryTx) moveDays(from, into string) error {
	lower, upper := prefixRange(from + "/")
	scopes, err := readAllIn(t.tx, "scopes", "SELECT DISTINCT scope FROM owned WHERE scope >= ? AND scope < ?", []any{lower, upper}, scanText)
	if err != nil {
		return err
	}
	for _, scope := range scopes {
		to := into + strings.TrimPrefix(scope, from)
		if err := t.moveDaysOfScope(scope, to); err != nil {
			return err
		}
		if err := t.moveRemoved(scope, to); err != nil {
			return err
		}
	}
	return nil
}

func (t repositoryTx) moveDaysOfScope(from, to string) error {
	moved, err := t.Days().Days(from, math.MinInt64, math.MaxInt64)
	if err != nil {
		return err
	}
	there, err := t.Days().Days(to, math.MinInt64, math.MaxInt64)
	if err != nil {
		return err
	}
	days := map[dora.DayKey][]dora.Measured{}
	for _, day := range there {
		days[day.DayKey] = day.Deployments
	}
	c := dora.DayChanges{Counts: map[dora.Owned]dora.Counts{}}
	for _, day := range moved {
		key := day.DayKey
		key.Scope = to
		all := append(slices.Clone(days[key]), day.Deployments...)
		slices.SortFunc(all, dora.Measured.Compare)
		c.Days = append(c.Days, dora.MeasuredDay{DayKey: day.DayKey}, dora.MeasuredDay{DayKey: key, Deployments: all})
		for owned, n := range map[dora.Owned]int64{day.Owned: -1, key.Owned: 1} {
			if c.Counts[owned] == nil {
				c.Counts[owned] = dora.Counts{}
			}
			for _, m := range day.Deployments {
				c.Counts[owned].Add(m, n)
			}
		}
	}
	return t.Days().Save(c)
}

// moveRemoved remembers of a scope that something of another one was removed.
func (t repositoryTx) moveRemoved(from, to string) error {
	removed, err := t.wasRemoved(removedScope, from)
	if err != nil || !removed {
		return err
	}
	row, err := t.removalRow()
	if err == nil {
		err = t.addRemoved(&row, removedKey{removedScope, to})
	}
	if err == nil {
		err = t.saveRemovalRow(row)
	}
	return err
}
