package storetest

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dora-exporter/dora"
)

// A checkpoint belongs to one store and can be rebuilt from it; what was pushed is remembered.
func progressRules() rules {
	return rules{"id": storesHaveIDs, "sums": sumsOfFacts, "pushed": pushedSeries, "series starts": seriesStarts, "series": seriesOfGroups}
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

func sumsOfFacts(t *testing.T, s Store) {
	same(t, "sums at first", dora.Sums{}, must[dora.Sums](t)(s.Sums(t.Context())))
	for i := range 9 {
		addFacts(t, s, fact(strconv.Itoa(i)))
	}
	x, odd := dora.Labels{"team": "x"}, dora.Labels{"team": "<&\"\\\n\x00é"}
	sums := dora.Sums{
		Position: 7, Bounds: map[string][]int64{"time": {1, 2}},
		State: dora.State{
			"count":  {x.Key(): {Labels: x, Own: math.MaxInt64}, odd.Key(): {Labels: odd}},
			"newest": {x.Key(): {Labels: x, Own: -3, At: time.UnixMilli(-1).UTC(), ID: math.MinInt64}},
			"time":   {x.Key(): {Labels: x, Own: 5, Buckets: []int64{1, 0, 1 << 60}}},
		},
	}
	for range 2 {
		if err := s.SaveSums(t.Context(), sums); err != nil {
			t.Fatal(err)
		}
		same(t, "sums", sums, must[dora.Sums](t)(s.Sums(t.Context())))
		s = s.Reopen(t)
		same(t, "sums after a restart", sums, must[dora.Sums](t)(s.Sums(t.Context())))
		sums.Position, sums.State["count"][odd.Key()] = 9, dora.Series{Labels: odd, Own: 2}
		sums.State["other"] = map[string]dora.Series{odd.Key(): {Labels: odd, Own: 1}}
	}
}

func pushedSeries(t *testing.T, s Store) {
	check := func(what string, wantKnown bool, want ...dora.PushedSeries) {
		t.Helper()
		got, known, err := s.Pushed(t.Context())
		if known != wantKnown || err != nil {
			t.Errorf("%s: Pushed says %t, %v", what, known, err)
		}
		slices.SortFunc(got, func(a, b dora.PushedSeries) int {
			return cmp.Or(strings.Compare(a.Instrument, b.Instrument), strings.Compare(a.Labels.Key(), b.Labels.Key()))
		})
		same(t, what, want, got)
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	at := func(nanoseconds int64) time.Time { return time.Unix(1772445600, nanoseconds).UTC() }
	a := dora.PushedSeries{Instrument: "count", Labels: dora.Labels{"team": "x"}, Until: at(123456789), Value: 3}
	b := dora.PushedSeries{Instrument: "count", Labels: dora.Labels{"team": "X"}, Value: 0.1}
	h := dora.PushedSeries{Instrument: "time", Labels: dora.Labels{}, Until: at(1), Value: 94778.17152176499, Buckets: []uint64{0, 2, 1 << 60}}
	check("at first", false)
	do(s.ForgetPushed(t.Context()))
	do(s.SetPushed(t.Context(), nil))
	check("nothing", true)
	do(s.SetPushed(t.Context(), []dora.PushedSeries{h, a, b}))
	s = s.Reopen(t)
	check("after a restart", true, b, a, h)
	a.Until, a.Value = at(123456790), 2 // less, after a restart of the program
	do(s.SetPushed(t.Context(), []dora.PushedSeries{a}))
	check("one of them again", true, b, a, h)
	do(s.ForgetPushed(t.Context()))
	check("forgotten", false)
}

// A series begins when its first fact is stored, or with what it was imported from.
func seriesStarts(t *testing.T, s Store) {
	check := func(after int64, want ...string) []dora.SeriesStart {
		t.Helper()
		var starts []dora.SeriesStart
		if err := s.SeriesStarts(t.Context(), after, func(s dora.SeriesStart) { starts = append(starts, s) }); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, start := range starts {
			got = append(got, start.Family+" "+start.Labels["team"])
			if age := time.Since(start.At); age < -time.Second || age > time.Minute {
				t.Errorf("%s began at %v", start.Family, start.At)
			}
		}
		same(t, fmt.Sprintf("the starts after %d", after), want, got)
		return starts
	}
	of := func(family, subject, team string) dora.Fact {
		return dora.Fact{Family: family, Subject: subject, Labels: dora.Labels{"team": team}, At: minute(3)}
	}
	check(-1)
	addFacts(t, s, of("a", "1", "x"), of("a", "2", "x"), of("a", "3", "X"))
	first := check(-1, "a x", "a X")
	s = s.Reopen(t)
	addFacts(t, s, of("a", "4", "x"), of("b", "5", "x"))
	update(t, s, func(tx dora.Tx) error {
		_, err := tx.Facts().Add(of("b", "5", "y")) // that fact is there
		return err
	})
	same(t, "the first ones", first, check(-1, "a x", "a X", "b x")[:2])
	check(1, "a X", "b x")
	check(4, "b x")
	check(5)
}

func seriesOfGroups(t *testing.T, s Store) {
	same(t, "at first", 0, len(must[map[string]int](t)(s.Series(t.Context()))))
	for _, labels := range []string{"a", "b", "a"} {
		update(t, s, func(tx dora.Tx) error { return tx.Facts().AddLabelSet("github", labels, 3) })
	}
	update(t, s, func(tx dora.Tx) error { return tx.Facts().AddLabelSet("jira", "a", 2) })
	same(t, "Series", map[string]int{"github": 6, "jira": 2}, must[map[string]int](t)(s.Series(t.Context())))
}
