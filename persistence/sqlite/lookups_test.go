package sqlite

import (
	"errors"
	"fmt"
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

// A look-up that can't be read holds up no other one, and is postponed.
func TestUnreadableLookupIsPostponed(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	lookup := func(sha string, due time.Duration) dora.Lookup {
		return dora.Lookup{Commit: dora.Commit{Host: "h", Owner: "o", Repository: "r", SHA: sha}, Due: now.Add(due)}
	}
	want := lookup("b", 0)
	for name, read := range map[string]func(s *Store, limit int) ([]dora.Lookup, error){
		"due": func(s *Store, limit int) ([]dora.Lookup, error) { return s.DueLookups(t.Context(), now, limit) },
		"claimed": func(s *Store, limit int) ([]dora.Lookup, error) {
			claimed, err := s.LookupQueue().Claim(t.Context(), now, time.Hour, limit)
			return claimed, errors.Join(err, s.LookupQueue().Release(t.Context(), claimed...))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t)
			update(t, s, func(tx dora.Tx) error {
				return errors.Join(tx.Commits().AddLookup(lookup("a", -time.Minute)), tx.Commits().AddLookup(want))
			})
			tamper(t, s.path, "UPDATE lookups SET details = '[' WHERE commit_key LIKE '%@a'")
			for _, limit := range []int{2, 1} { // after it was postponed it takes the place of none
				got, err := read(s, limit)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff([]dora.Lookup{want}, got); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

// A claim may be for more items than one query reads, and returns them in the order in which they are due.
func TestManyAreClaimedInOrder(t *testing.T) {
	const items = 1100
	s, begin := openStore(t), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	update(t, s, func(tx dora.Tx) error {
		for i := range items {
			name, due := fmt.Sprint(i*7919%items), begin.Add(time.Duration(i)*time.Second) // keys in another order
			err := errors.Join(
				tx.Commits().AddLookup(dora.Lookup{Commit: dora.Commit{Host: "h", Owner: "o", Repository: "r", SHA: name}, Due: due}),
				tx.Evaluations().Add(dora.Evaluation{Kind: dora.DeploymentEvaluation, Key: name, Scope: "h/" + name, At: begin, Due: due, Ripe: due}))
			if err != nil {
				return err
			}
		}
		return nil
	})
	now := begin.Add(time.Hour)
	var lookups, evaluations, want []time.Time
	for _, limit := range []int{100, items - 100} { // the others while the first are leased
		claimed, err := s.LookupQueue().Claim(t.Context(), now, time.Hour, limit)
		compared, compareErr := s.ComparisonQueue().Claim(t.Context(), now, time.Hour, limit)
		if err := errors.Join(err, compareErr); err != nil {
			t.Fatal(err)
		}
		for _, j := range claimed {
			lookups = append(lookups, j.Due)
		}
		for _, e := range compared {
			evaluations = append(evaluations, e.Due)
		}
	}
	for i := range items {
		want = append(want, begin.Add(time.Duration(i)*time.Second))
	}
	if diff := cmp.Diff(want, lookups); diff != "" {
		t.Errorf("look-ups: %s", diff)
	}
	if diff := cmp.Diff(want, evaluations); diff != "" {
		t.Errorf("evaluations: %s", diff)
	}
}
