package storetest

import (
	"errors"
	"testing"

	"dora-exporter/dora"
)

// Label sets take part of the limit on series, once each and for good.
func labelSetRules() rules {
	return rules{"once": labelSetsOnce, "undone": undoneLabelSets}
}

// hasLabelSet asks twice, since an engine may remember the answer.
func hasLabelSet(t *testing.T, s Store, families, labels string, want bool) {
	t.Helper()
	for range 2 {
		update(t, s, func(tx dora.Tx) error {
			got, err := tx.Facts().HasLabelSet(families, labels)
			if got != want {
				t.Errorf("HasLabelSet(%q, %q) = %t, want %t", families, labels, got, want)
			}
			return err
		})
	}
}

func seriesOf(t *testing.T, s Store, families string, want int) {
	t.Helper()
	update(t, s, func(tx dora.Tx) error {
		got, err := tx.Facts().Series(families)
		same(t, "Series of "+families, want, got)
		return err
	})
}

func labelSetsOnce(t *testing.T, s Store) {
	seriesOf(t, s, "github", 0)
	for i, name := range oddNames() {
		hasLabelSet(t, s, "github", name, false)
		update(t, s, func(tx dora.Tx) error { return tx.Facts().AddLabelSet("github", name, 3) })
		update(t, s, func(tx dora.Tx) error { return tx.Facts().AddLabelSet("github", name, 5) }) // which changes nothing
		hasLabelSet(t, s, "github", name, true)
		seriesOf(t, s, "github", 3*(i+1))
	}
	hasLabelSet(t, s, "jira", "a", false)
	update(t, s, func(tx dora.Tx) error { return tx.Facts().AddLabelSet("jira", "a", 2) })
	seriesOf(t, s, "jira", 2)
	seriesOf(t, s, "github", 3*len(oddNames()))
}

// A label set is there within its transaction, and not after that was undone.
func undoneLabelSets(t *testing.T, s Store) {
	err := s.Update(t.Context(), func(tx dora.Tx) error {
		if err := tx.Facts().AddLabelSet("github", "a", 3); err != nil {
			return err
		}
		known, err := tx.Facts().HasLabelSet("github", "a")
		if !known {
			t.Error("HasLabelSet = false within the transaction")
		}
		return errors.Join(err, errRule)
	})
	if !errors.Is(err, errRule) {
		t.Fatalf("Update = %v", err)
	}
	hasLabelSet(t, s, "github", "a", false)
	seriesOf(t, s, "github", 0)
}
