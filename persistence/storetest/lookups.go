package storetest

import (
	"errors"
	"testing"
	"time"

	"dora-exporter/dora"
)

// Look-ups of commits, the statuses that wait for them, and the cache of what was found.
func lookupRules() rules {
	return rules{
		"once":      lookupsOnce,
		"retry":     lookupsAreRetried,
		"waiting":   statusesWait,
		"origins":   originsAreCached,
		"no access": repositoriesWithoutAccess,
	}
}

// A commit has one look-up, the first one.
func lookupsOnce(t *testing.T, s Store) {
	want := dora.Lookup{Commit: commit("a"), Repository: "h/acme/Wéb#7", Due: minute(1), Attempts: 1, Misses: 2, FailingSince: minute(3), Inaccessible: true}
	want.Commit.OnDefaultBranch = true
	update(t, s, func(tx dora.Tx) error {
		if err := tx.Commits().AddLookup(want); err != nil {
			return err
		}
		return tx.Commits().AddLookup(dora.Lookup{Commit: commit("a"), Due: minute(9), Attempts: 7})
	})
	same(t, "the look-up", []dora.Lookup{want}, peek(t, s.LookupQueue(), minute(9)))
	got, known, err := s.LookupOf(t.Context(), want.Commit.Key())
	if err != nil || !known {
		t.Errorf("LookupOf = %t, %v", known, err)
	}
	same(t, "LookupOf", want, got)
	for _, key := range []string{commit("A").Key(), commit("a ").Key(), commit("").Key(), ""} {
		if _, known, err := s.LookupOf(t.Context(), key); known || err != nil {
			t.Errorf("LookupOf(%q) = %t, %v; want none", key, known, err)
		}
	}
}

func lookupsAreRetried(t *testing.T, s Store) {
	l := dora.Lookup{Commit: commit("a"), Repository: "h/acme/web", Due: minute(1)}
	update(t, s, func(tx dora.Tx) error { return tx.Commits().AddLookup(l) })
	l.Due, l.Attempts, l.Misses, l.Commit.OnDefaultBranch = minute(5), 3, 4, true
	l.FailingSince, l.Inaccessible = minute(2), true
	l.FailingCalls = dora.FailingCalls{"https://api.github.com/a?b": {For: time.Nanosecond, Last: minute(1)}, "": {For: time.Hour}}
	update(t, s, func(tx dora.Tx) error { return tx.Commits().RetryLookup(l) })
	same(t, "before it is due", 0, len(peek(t, s.LookupQueue(), minute(4))))
	same(t, "when it is due", []dora.Lookup{l}, peek(t, s.LookupQueue(), minute(5)))
	l.FailingSince, l.FailingCalls, l.Inaccessible = time.Time{}, nil, false
	update(t, s, func(tx dora.Tx) error { return tx.Commits().RetryLookup(l) })
	same(t, "when it fails no more", []dora.Lookup{l}, peek(t, s.LookupQueue(), minute(5)))
}

// The statuses that wait for a commit are taken once, oldest first, together with its look-up.
func statusesWait(t *testing.T, s Store) {
	status := func(sha, subject string, at int, id int64) dora.WaitingStatus {
		return dora.WaitingStatus{Commit: commit(sha).Key(), Subject: subject, Labels: dora.Labels{"team": "<&é>"}, At: minute(at), ID: id}
	}
	first, second, third, other := status("a", "3", 1, 9), status("a", "1", 2, 5), status("a", "2", 2, 6), status("A", "1", 0, 1)
	update(t, s, func(tx dora.Tx) error {
		for _, w := range []dora.WaitingStatus{third, other, second, first, first} {
			if err := tx.Commits().Wait(w); err != nil {
				return err
			}
		}
		return tx.Commits().AddLookup(dora.Lookup{Commit: commit("a"), Due: minute(0)})
	})
	same(t, "Waiting", []string{"3", "1", "2"}, must[[]string](t)(s.Waiting(t.Context(), commit("a").Key())))
	take := func(sha string, want ...dora.WaitingStatus) {
		t.Helper()
		update(t, s, func(tx dora.Tx) error {
			got, err := tx.Commits().TakeWaiting(commit(sha).Key())
			same(t, "TakeWaiting of "+sha, want, got)
			return err
		})
	}
	take("a", first, second, third)
	take("a")
	same(t, "Waiting afterwards", 0, len(must[[]string](t)(s.Waiting(t.Context(), commit("a").Key()))))
	same(t, "look-ups afterwards", 0, len(peek(t, s.LookupQueue(), minute(9))))
	take("A", other)
}

func originsAreCached(t *testing.T, s Store) {
	origins := map[string]dora.Origin{
		"nothing":      {},
		"pull request": {FirstCommit: minute(0), PullRequest: 12, Opened: minute(1), Merged: minute(2), Author: "é", Reverts: []string{"#3"}},
		"year 9999":    {FirstCommit: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)},
		"unavailable":  {Unavailable: dora.ReasonNotFound},
	}
	for name, origin := range origins {
		update(t, s, func(tx dora.Tx) error {
			if _, known, err := tx.Commits().Origin(name); err != nil || known {
				t.Errorf("%s: Origin = %t, %v before it is saved", name, known, err)
			}
			if err := tx.Commits().SaveOrigin(name, dora.Origin{PullRequest: 99}); err != nil {
				return err
			}
			return tx.Commits().SaveOrigin(name, origin)
		})
	}
	for name, origin := range origins {
		update(t, s, func(tx dora.Tx) error {
			got, known, err := tx.Commits().Origin(name)
			if !known {
				t.Errorf("%s: Origin is not known", name)
			}
			same(t, "Origin", origin, got)
			return err
		})
		got, known, err := s.KnownOrigin(t.Context(), name)
		if err != nil || !known {
			t.Errorf("%s: KnownOrigin = %t, %v", name, known, err)
		}
		same(t, "KnownOrigin", origin, got)
	}
	if _, known, err := s.KnownOrigin(t.Context(), "Nothing"); known || err != nil {
		t.Errorf("KnownOrigin of another commit = %t, %v", known, err)
	}
}

// A repository is inaccessible while a look-up or an evaluation says so.
func repositoriesWithoutAccess(t *testing.T, s Store) {
	check := func(what string, want ...string) {
		t.Helper()
		same(t, what, want, must[[]string](t)(s.InaccessibleRepositories(t.Context())))
	}
	check("nothing waits")
	of := func(name, sha string) dora.Commit {
		return dora.Commit{Host: "github.com", Owner: "octo", Repository: name, SHA: sha}
	}
	deployment, shown := success(1, 1), success(2, 1)
	deployment.Owner, deployment.Repository, shown.Repository = "Octo", "Secret", "shown"
	later := evaluation(deployment, minute(1))
	later.Inaccessible = true
	incident := dora.Evaluation{Kind: dora.IncidentEvaluation, Key: deployment.Key(), Inaccessible: true}
	update(t, s, func(tx dora.Tx) error {
		return errors.Join(
			tx.Commits().AddLookup(dora.Lookup{Commit: of("zoo", "a"), Inaccessible: true}),
			tx.Commits().AddLookup(dora.Lookup{Commit: of("Zoo", "b"), Inaccessible: true}),
			tx.Commits().AddLookup(dora.Lookup{Commit: of("shown", "c")}),
			tx.Deployments().Save(deployment), tx.Deployments().Save(shown),
			tx.Evaluations().Add(later), tx.Evaluations().Add(evaluation(shown, minute(1))), tx.Evaluations().Add(incident),
		)
	})
	s = s.Reopen(t)
	check("after a restart", "octo/secret", "octo/zoo")
	update(t, s, func(tx dora.Tx) error {
		_, err := tx.Commits().TakeWaiting(of("zoo", "a").Key())
		later.Inaccessible = false
		return errors.Join(err, tx.Evaluations().Retry(later))
	})
	check("the other look-up waits", "octo/zoo")
	update(t, s, func(tx dora.Tx) error {
		_, err := tx.Commits().TakeWaiting(of("Zoo", "b").Key())
		return err
	})
	check("all have access")
}
