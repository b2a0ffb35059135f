package storetest

import (
	"errors"
	"testing"

	"dora-exporter/dora"
)

// Origins of commits that no deployment ships go by the facts that were there before, the oldest first.
func removedUnshipped(t *testing.T, s Store) {
	d := success(1, 1)
	change := dora.Change{SHA: commit("shipped").SHA}
	save(t, s, d)
	for n, sha := range []string{"a", "b", d.SHA, "shipped", "c"} {
		addFacts(t, s, fact(string(rune('1'+n))))
		update(t, s, func(tx dora.Tx) error {
			key := commit(sha).Key()
			return errors.Join(tx.Commits().SaveOrigin(key, dora.Origin{Title: sha}), tx.Commits().MarkUnshipped(key), tx.Commits().MarkUnshipped(key))
		})
	}
	update(t, s, func(tx dora.Tx) error { return tx.Deployments().AddShipped(d, change, change.Names()) })
	for _, step := range []struct {
		upTo           int64
		limit, removed int
		want           []string
	}{
		{0, limit, 0, []string{"a", "b", d.SHA, "shipped", "c"}},
		{2, 1, 1, []string{"b", d.SHA, "shipped", "c"}},
		{4, limit, 3, []string{d.SHA, "shipped", "c"}},
		{4, limit, 0, []string{d.SHA, "shipped", "c"}},
		{5, limit, 1, []string{d.SHA, "shipped"}},
	} {
		update(t, s, func(tx dora.Tx) error {
			n, err := tx.Removal().RemoveUnshipped(step.upTo, step.limit)
			same(t, "removed marks", step.removed, n)
			return err
		})
		var left []string
		update(t, s, func(tx dora.Tx) error {
			for _, sha := range []string{"a", "b", d.SHA, "shipped", "c"} {
				_, known, err := tx.Commits().Origin(commit(sha).Key())
				if err != nil {
					return err
				}
				if known {
					left = append(left, sha)
				}
			}
			return nil
		})
		same(t, "origins that are left", step.want, left)
		s = s.Reopen(t)
	}
}
