package sqlite

import (
	"testing"

	"dora-exporter/dora"
)

// A label set has its place once it is committed, and not when the change that gave it one was undone, alone or among others
// that were committed.
func TestUndoneLabelSets(t *testing.T) {
	s := openStore(t)
	hasLabelSet := func(key string, want bool) {
		t.Helper()
		for range 2 { // the second one is remembered
			err := s.Update(t.Context(), func(tx dora.Tx) error {
				got, err := tx.Facts().HasLabelSet("github", key)
				if got != want {
					t.Errorf("%s has a place: %v, want %v", key, got, want)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
	}
	add := func(key string, end error) func() error {
		return func() error {
			return s.Update(t.Context(), func(tx dora.Tx) error {
				if err := tx.Facts().AddLabelSet("github", key, 3); err != nil {
					return err
				}
				if known, err := tx.Facts().HasLabelSet("github", key); err != nil || !known {
					t.Errorf("%s has a place: %v, %v", key, known, err)
				}
				return end
			})
		}
	}
	if err := add("undone", errRule)(); err == nil {
		t.Error("the change was not undone")
	}
	hasLabelSet("undone", false)
	together(t, s, add("first", nil), add("undone among others", errRule), add("last", nil))
	hasLabelSet("first", true)
	hasLabelSet("undone among others", false)
	hasLabelSet("last", true)
	if n, err := s.Series(t.Context()); err != nil || n["github"] != 6 {
		t.Errorf("Series = %v, %v; want 6", n, err)
	}
}
