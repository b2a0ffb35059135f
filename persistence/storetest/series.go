package storetest

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"dora-exporter/dora"
)

// Facts are found by what they are about and by the series that they add up to.
func seriesRules() rules {
	return rules{
		"about": factsAboutSubjects, "subjects": factsBySubjects, "history": seriesHistories, "limits": limitsOfSeries, "long": longSeries,
		"one time": factsOfOneTime, "removed": partlyRemovedSeries,
	}
}

// subjectsOf are the subjects of facts.
func subjectsOf(all []dora.Fact) []string {
	var subjects []string
	for _, f := range all {
		subjects = append(subjects, f.Subject)
	}
	return subjects
}

// Facts about something are those of its subject and of those that continue it behind a slash. Others may begin alike.
func factsAboutSubjects(t *testing.T, s Store) {
	about := func(family, subject string, at int) dora.Fact {
		f := fact(subject)
		f.Family, f.At = family, minute(at)
		return f
	}
	addFacts(t, s,
		about(dora.Changes, "change:a/\xff", 5), about(dora.LeadTime, "change:a", 4), about(dora.Changes, "change:a", 2), about(dora.Changes, "change:a/stage=b", 1),
		about(dora.Changes, "change:a/", 3))
	for i, subject := range []string{"change:a0", "change:a.", "change:aa", "change:A", "change:A/b", "change:", "change:a\x00", "change:a /", "change:%", "xchange:a", "change:á/b", "change:_/"} {
		addFacts(t, s, about(dora.Changes, subject, i))
	}
	want := []string{"change:a/stage=b", "change:a", "change:a/", "change:a", "change:a/\xff"}
	same(t, "in the order of time", want, subjectsOf(must[[]dora.Fact](t)(s.FactsAbout(t.Context(), "change:a"))))
	same(t, "each once", want, subjectsOf(must[[]dora.Fact](t)(s.FactsAbout(t.Context(), "change:a/stage=b", "change:a", "change:a"))))
	same(t, "a pattern", []string{"change:%"}, subjectsOf(must[[]dora.Fact](t)(s.FactsAbout(t.Context(), "change:%"))))
	same(t, "nothing", 0, len(must[[]dora.Fact](t)(s.FactsAbout(t.Context()))))
}

// Any number of subjects can be asked for.
func factsBySubjects(t *testing.T, s Store) {
	var subjects []string
	var facts []dora.Fact
	for i := range 1100 {
		subjects = append(subjects, fmt.Sprintf("change:%d", i))
		if i%2 == 0 {
			f := fact(subjects[i])
			f.Value = int64(i)
			facts = append(facts, f)
		}
	}
	other := fact(subjects[1])
	other.Family = dora.Incidents
	addFacts(t, s, append(facts, other)...)
	for _, name := range oddNames() {
		addFacts(t, s, fact(name))
	}
	got := must[map[string]dora.Fact](t)(s.FactsBySubject(t.Context(), dora.DeploymentsTotal, append(subjects, "a%", "a", "none")))
	if len(got) != len(facts)+2 || got["a%"].Subject != "a%" || got["a"].Subject != "a" {
		t.Errorf("%d facts were found, want %d", len(got), len(facts)+2)
	}
	for i := range subjects {
		if f, known := got[subjects[i]]; known != (i%2 == 0) || f.Value != int64(i)*int64((i+1)%2) {
			t.Errorf("fact about %s: %t, %+v", subjects[i], known, f)
		}
	}
}

// seriesQuery selects the series of a family with some labels, with all of their facts.
func seriesQuery(family string, labels dora.Labels) dora.SeriesQuery {
	return dora.SeriesQuery{Family: dora.FamiliesByName()[family], Labels: labels, MaxFacts: -1, MaxValue: math.MaxInt64, MaxSeries: -1}
}

func counted(family, subject, team, repository string, at int, value int64) dora.Fact {
	return dora.Fact{Family: family, Subject: subject, Labels: dora.Labels{"team": team, "repo": repository}, At: minute(at), Value: value}
}

// A series has the sum of all its facts, and shows the newest ones first, by time and not by position.
func seriesHistories(t *testing.T, s Store) {
	addFacts(t, s,
		counted(dora.DeploymentsTotal, "1", "b", "web", 5, 1), counted(dora.DeploymentsTotal, "2", "a", "web", 1, 1), counted(dora.DeploymentsTotal, "3", "b", "web", 9, 1),
		counted(dora.DeploymentsTotal, "4", "b", "app", 1, 1), counted(dora.DeploymentsTotal, "5", "b", "web", 7, 1), counted(dora.Incidents, "6", "b", "web", 1, 1),
		counted(dora.DeploymentsTotal, "7", "B", "web", 1, 1))
	got := must[[]dora.SeriesHistory](t)(s.SeriesHistory(t.Context(), seriesQuery(dora.DeploymentsTotal, dora.Labels{"repo": "web"})))
	var teams []string
	for _, h := range got {
		teams = append(teams, h.Labels["team"])
	}
	same(t, "series sorted by labels", []string{"B", "a", "b"}, teams)
	if len(got) == 3 {
		same(t, "the newest facts first", []string{"3", "5", "1"}, subjectsOf(got[2].Facts))
		if got[2].Own != 3 || got[2].FactCount != 3 {
			t.Errorf("the series is %+v, want 3 facts that add up to 3", got[2])
		}
	}
	q := seriesQuery(dora.DeploymentsTotal, dora.Labels{"team": "b", "repo": "web"})
	q.MaxFacts = 2
	one := must[[]dora.SeriesHistory](t)(s.SeriesHistory(t.Context(), q))
	if len(one) != 1 || one[0].Own != 3 || one[0].FactCount != 3 {
		t.Fatalf("with two facts the series is %+v, want all of 3 facts counted", one)
	}
	same(t, "the two newest facts", []string{"3", "5"}, subjectsOf(one[0].Facts))
	same(t, "no series", 0, len(must[[]dora.SeriesHistory](t)(s.SeriesHistory(t.Context(), seriesQuery(dora.DeploymentsTotal, dora.Labels{"team": "c"})))))
}

// A series has all of its facts, also if its index has them in several blocks.
func longSeries(t *testing.T, s Store) {
	const facts = 2*16384 + 5
	update(t, s, func(tx dora.Tx) error {
		for i := range facts {
			team := "a"
			if i%8192 == 4 { // the 5th of all, and then one in the middle and one near the beginning of each block
				team = "b"
			}
			if _, err := tx.Facts().Add(counted(dora.DeploymentsTotal, fmt.Sprint(i), team, "web", facts-i, 1)); err != nil {
				return err
			}
		}
		return nil
	})
	for team, want := range map[string][]string{"a": {"0", "1", "2"}, "b": {"4", "8196", "16388"}} {
		q := seriesQuery(dora.DeploymentsTotal, dora.Labels{"team": team})
		q.MaxFacts = 3
		all := must[[]dora.SeriesHistory](t)(s.SeriesHistory(t.Context(), q))
		if len(all) != 1 {
			t.Fatalf("team %s has %d series", team, len(all))
		}
		same(t, "the newest of team "+team, want, subjectsOf(all[0].Facts))
		same(t, "facts of team "+team, map[string]int{"a": facts - 5, "b": 5}[team], all[0].FactCount)
	}
}

func limitsOfSeries(t *testing.T, s Store) {
	for i, value := range []int64{1000, 60_000, 60_001} {
		addFacts(t, s, counted(dora.LeadTime, fmt.Sprint(i), "a", "web", i, value))
	}
	addFacts(t, s, counted(dora.LeadTime, "other", "b", "web", 1, 1), counted(dora.LeadTime, "zero:other", "c", "web", 1, 0))
	q := seriesQuery(dora.LeadTime, dora.Labels{"team": "a"})
	q.MaxValue = 60_000
	got := must[[]dora.SeriesHistory](t)(s.SeriesHistory(t.Context(), q))
	if len(got) != 1 || got[0].FactCount != 2 || got[0].Own != 121_001 {
		t.Errorf("in a bucket: %+v, want 2 facts of all 3", got)
	}
	q = seriesQuery(dora.LeadTime, dora.Labels{"repo": "web"})
	for limit, want := range map[int]bool{2: true, 3: false, -1: false} {
		q.MaxSeries = limit
		if _, err := s.SeriesHistory(t.Context(), q); errors.Is(err, dora.ErrTooManySeries) != want {
			t.Errorf("with %d series allowed = %v, want ErrTooManySeries: %t", limit, err, want)
		}
	}
	started := must[[]dora.SeriesHistory](t)(s.SeriesHistory(t.Context(), seriesQuery(dora.LeadTime, dora.Labels{"team": "c"})))
	if len(started) != 1 || started[0].FactCount != 0 {
		t.Errorf("a histogram that was only started is %+v, want it without facts", started)
	}
}
