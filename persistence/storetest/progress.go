package storetest

import (
	"testing"

	"dora-exporter/dora"
)

// A checkpoint belongs to one store and can be rebuilt from it; what was pushed is remembered.
func progressRules() rules {
	return rules{"id": storesHaveIDs, "newest": newestFacts, "pushed": pushedPosition, "series": seriesOfGroups}
}

func storesHaveIDs(t *testing.T, s Store) {
	id, created, started := s.ID(), s.Created(), s.Started()
	if id == "" {
		t.Error("the store has no ID")
	}
	s = s.Reopen(t)
	if s.ID() != id || !s.Started().Equal(started) || !s.Created().Equal(created) {
		t.Errorf("after a restart the ID is %q, the start %v and the creation %v, want %q, %v and %v", s.ID(), s.Started(), s.Created(), id, started, created)
	}
	if err := s.SetID(t.Context(), "another"); err != nil {
		t.Fatal(err)
	}
	same(t, "ID", "another", s.ID())
	s = s.Reopen(t)
	same(t, "ID after a restart", "another", s.ID())
	if !s.Started().Equal(started) {
		t.Errorf("the start is %v, want %v", s.Started(), started)
	}
}

func newestFacts(t *testing.T, s Store) {
	of := func(family, subject, team string, at int, id int64) dora.Fact {
		return dora.Fact{Family: family, Subject: subject, Labels: dora.Labels{"team": team}, At: minute(at), ID: id}
	}
	addFacts(t, s,
		of("a", "1", "x", 3, 1), of("a", "2", "x", 3, 2), of("a", "3", "x", 2, 9), of("a", "4", "X", 1, 1), of("b", "5", "x", 9, 1), of("a", "6", "x", 9, 1))
	for upTo, want := range [][]string{nil, {"1"}, {"2"}, {"2"}, {"2", "4"}, {"2", "4"}, {"4", "6"}, {"4", "6"}} {
		same(t, "Newest", want, subjectsOf(must[[]dora.Fact](t)(s.Newest(t.Context(), "a", int64(upTo)))))
	}
}

func pushedPosition(t *testing.T, s Store) {
	check := func(what string, want int64, wantKnown bool) {
		t.Helper()
		if got, known, err := s.Pushed(t.Context()); got != want || known != wantKnown || err != nil {
			t.Errorf("%s: Pushed = %d, %t, %v; want %d, %t", what, got, known, err, want, wantKnown)
		}
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check("at first", 0, false)
	do(s.ForgetPushed(t.Context()))
	do(s.SetPushed(t.Context(), 0))
	check("at 0", 0, true)
	do(s.SetPushed(t.Context(), 1<<40))
	s = s.Reopen(t)
	check("after a restart", 1<<40, true)
	do(s.SetPushed(t.Context(), 7)) // back, after a restore
	check("set back", 7, true)
	do(s.ForgetPushed(t.Context()))
	check("forgotten", 0, false)
}

func seriesOfGroups(t *testing.T, s Store) {
	same(t, "at first", 0, len(must[map[string]int](t)(s.Series(t.Context()))))
	for _, labels := range []string{"a", "b", "a"} {
		update(t, s, func(tx dora.Tx) error { return tx.Facts().AddLabelSet("github", labels, 3) })
	}
	update(t, s, func(tx dora.Tx) error { return tx.Facts().AddLabelSet("jira", "a", 2) })
	same(t, "Series", map[string]int{"github": 6, "jira": 2}, must[map[string]int](t)(s.Series(t.Context())))
}
