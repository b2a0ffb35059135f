package sqlite

import (
	"slices"
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

func TestJobs(t *testing.T) {
	s := openStore(t)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	job := func(sha string, due time.Duration) dora.Lookup {
		return dora.Lookup{Commit: dora.Commit{Host: "h", Owner: "o", Repository: "r", SHA: sha, OnDefaultBranch: true}, Due: now.Add(due)}
	}
	due := func(want ...dora.Lookup) {
		t.Helper()
		got, err := s.DueLookups(t.Context(), now, 2)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	a, b, c, later := job("a", 0), job("b", -time.Hour), job("c", -time.Minute), job("d", time.Millisecond)
	update(t, s, func(tx dora.Tx) error {
		for _, j := range []dora.Lookup{a, b, c, later} {
			if err := tx.Commits().AddLookup(j); err != nil {
				return err
			}
		}
		second := b
		second.Attempts = 7
		return tx.Commits().AddLookup(second)
	})
	due(b, c)
	b.Attempts, b.Misses, b.Due = 2, 3, now.Add(time.Hour)
	update(t, s, func(tx dora.Tx) error { return tx.Commits().RetryLookup(b) })
	due(c, a)
	tamper(t, s.path, "UPDATE lookups SET details = '[' WHERE commit_key LIKE '%@c'")
	due(a)
	due(a)
}

func TestWaiting(t *testing.T) {
	s := openStore(t)
	commit := dora.Commit{Host: "h", Owner: "o", Repository: "r", SHA: "a"}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	first := dora.WaitingStatus{Commit: commit.Key(), Subject: "1", Labels: dora.Labels{"team": "a"}, At: at, ID: 1}
	second := dora.WaitingStatus{Commit: commit.Key(), Subject: "2", At: at, ID: 2}
	other := dora.WaitingStatus{Commit: "other", Subject: "1"}
	update(t, s, func(tx dora.Tx) error {
		for _, w := range []dora.WaitingStatus{second, other, first, first} {
			if err := tx.Commits().Wait(w); err != nil {
				return err
			}
		}
		return tx.Commits().AddLookup(dora.Lookup{Commit: commit, Due: at})
	})
	take := func(key string, want ...dora.WaitingStatus) {
		t.Helper()
		update(t, s, func(tx dora.Tx) error {
			got, err := tx.Commits().TakeWaiting(key)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("what waits for %s:\n%s", key, diff)
			}
			return err
		})
	}
	if got, err := s.Waiting(t.Context(), commit.Key()); err != nil || !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("Waiting = %q, %v", got, err)
	}
	take(commit.Key(), first, second)
	take(commit.Key())
	take("other", other)
	if jobs, err := s.DueLookups(t.Context(), at, 10); err != nil || len(jobs) != 0 {
		t.Errorf("DueJobs = %v, %v, want none", jobs, err)
	}
}

func TestOrigins(t *testing.T) {
	s := openStore(t)
	for name, origin := range map[string]dora.Origin{
		"pull request": {FirstCommit: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), PullRequest: 12},
		"year 9999":    {FirstCommit: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)},
		"unavailable":  {Unavailable: dora.ReasonNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			update(t, s, func(tx dora.Tx) error {
				if got, known, err := tx.Commits().Origin(name); err != nil || known {
					t.Errorf("Origin = %v, %v, %v before it is saved", got, known, err)
				}
				if err := tx.Commits().SaveOrigin(name, dora.Origin{PullRequest: 99}); err != nil {
					return err
				}
				return tx.Commits().SaveOrigin(name, origin)
			})
			update(t, s, func(tx dora.Tx) error {
				got, known, err := tx.Commits().Origin(name)
				if diff := cmp.Diff(origin, got); diff != "" || !known {
					t.Errorf("known: %v\n%s", known, diff)
				}
				return err
			})
		})
	}
}

func TestIncidents(t *testing.T) {
	s := openStore(t)
	at := time.Date(2026, 1, 1, 0, 0, 0, 5e6, time.UTC)
	for name, incident := range map[string]dora.Incident{
		"nothing known": {},
		"opened":        {Created: at},
		"year 1":        {Created: time.Date(1, 1, 1, 0, 0, 0, 1e6, time.UTC), Resolved: at},
		"counted":       {Labels: dora.Labels{"project": "INC", "team": "a"}, Created: at, Resolved: at.Add(time.Hour), Counted: 3_600_000},
		"no labels":     {Labels: dora.Labels{}},
	} {
		t.Run(name, func(t *testing.T) {
			incident.Key = "host/" + name
			update(t, s, func(tx dora.Tx) error {
				got, err := tx.Incidents().Get(incident.Key)
				if diff := cmp.Diff(dora.Incident{}, got); diff != "" {
					t.Errorf("before it is saved:\n%s", diff)
				}
				if err != nil {
					return err
				}
				return tx.Incidents().Save(incident)
			})
			update(t, s, func(tx dora.Tx) error {
				got, err := tx.Incidents().Get(incident.Key)
				if diff := cmp.Diff(incident, got); diff != "" {
					t.Error(diff)
				}
				return err
			})
		})
	}
}
