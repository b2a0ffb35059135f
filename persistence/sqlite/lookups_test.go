package sqlite

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

func update(t *testing.T, s *Store, f func(dora.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

// A look-up that can't be read holds up no other one.
func TestUnreadableLookupIsPostponed(t *testing.T) {
	s := openStore(t)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	lookup := func(sha string, due time.Duration) dora.Lookup {
		return dora.Lookup{Commit: dora.Commit{Host: "h", Owner: "o", Repository: "r", SHA: sha}, Due: now.Add(due)}
	}
	want := lookup("b", 0)
	update(t, s, func(tx dora.Tx) error {
		if err := tx.Commits().AddLookup(lookup("a", -time.Minute)); err != nil {
			return err
		}
		return tx.Commits().AddLookup(want)
	})
	tamper(t, s.path, "UPDATE lookups SET details = '[' WHERE commit_key LIKE '%@a'")
	for range 2 {
		got, err := s.DueLookups(t.Context(), now, 2)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]dora.Lookup{want}, got); diff != "" {
			t.Error(diff)
		}
	}
}
