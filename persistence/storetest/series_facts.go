package storetest

import (
	"fmt"
	"math"
	"testing"

	"dora-exporter/dora"
)

// Of facts of the same time the one with the highest number is the newest, then the one that was added last, wherever a limit cuts them.
func factsOfOneTime(t *testing.T, s Store) {
	for i, number := range []int64{5, 9, 1, 9, 7} {
		f := counted(dora.DeploymentTimestamp, fmt.Sprint(i), "a", "web", 3, int64(100+i))
		f.ID = number
		addFacts(t, s, f)
	}
	addFacts(t, s, counted(dora.DeploymentTimestamp, "older", "a", "web", 2, 99))
	newest := []string{"3", "1", "4", "0", "2", "older"}
	for limit := -1; limit <= len(newest)+1; limit++ {
		q := seriesQuery(dora.DeploymentTimestamp, nil)
		q.MaxFacts = limit
		all := must[[]dora.SeriesHistory](t)(s.SeriesHistory(t.Context(), q))
		if len(all) != 1 || all[0].Own != 101 || all[0].ID != 9 || all[0].FactCount != len(newest) {
			t.Fatalf("with at most %d facts: %+v, want the value of the first with number 9", limit, all)
		}
		want := newest
		if limit >= 0 {
			want = newest[:min(limit, len(newest))]
		}
		same(t, fmt.Sprintf("at most %d facts", limit), append([]string{}, want...), append([]string{}, subjectsOf(all[0].Facts)...))
	}
}

// A series of which facts were removed says what they add up to, and has the others.
func partlyRemovedSeries(t *testing.T, s Store) {
	labels := dora.Labels{"team": "a"}
	took := func(subject string, value int64) dora.Fact {
		return counted(dora.LeadTime, subject, "a", "web", 1, value)
	}
	last := func(subject string, at int) dora.Fact {
		return counted(dora.DeploymentTimestamp, subject, "a", "web", at, int64(at))
	}
	all := []dora.Fact{
		took("zero:a", 0), took("b", 0), took("c", 60_000), last("d", 9), last("e", 8), // are removed
		took("f", 0), took("g", 61_000), last("h", 7), took("i", 60_000),
	}
	addFacts(t, s, all...)
	sums := dora.Sums{Position: 7, State: dora.State{}, Bounds: dora.BoundsOf(dora.Families())}
	if err := sums.State.Add(dora.FamiliesByName(), all[:7]...); err != nil {
		t.Fatal(err)
	}
	if err := s.SaveSums(t.Context(), sums); err != nil {
		t.Fatal(err)
	}
	history := func(family string, maxValue int64) dora.SeriesHistory {
		q := seriesQuery(family, labels)
		q.MaxValue = maxValue
		found := must[[]dora.SeriesHistory](t)(s.SeriesHistory(t.Context(), q))
		if len(found) != 1 {
			t.Fatalf("%s has %d series", family, len(found))
		}
		return found[0]
	}
	check := func(what string, h dora.SeriesHistory, own, folded int64, facts ...string) {
		t.Helper()
		if h.Own != own || h.Folded.Own != folded || h.FactCount != len(facts) {
			t.Errorf("%s: %d of which %d was removed, and %d facts; want %d, %d and %d", what, h.Own, h.Folded.Own, h.FactCount, own, folded, len(facts))
		}
		same(t, what, append([]string{}, facts...), append([]string{}, subjectsOf(h.Facts)...))
	}
	observations := func(series dora.Series) (n int64) {
		_, n = series.Counts(dora.FamiliesByName()[dora.LeadTime])
		return n
	}
	check("before", history(dora.LeadTime, math.MaxInt64), 181_000, 0, "i", "g", "f", "c", "b")
	removeFacts(t, s, 1, 99, 1)
	h := history(dora.LeadTime, math.MaxInt64)
	check("without its start", h, 181_000, 0, "i", "g", "f", "c", "b")
	same(t, "what was removed of the series without its start", dora.Labels(nil), h.Folded.Labels)
	removeFacts(t, s, 5, 99, 4)
	h = history(dora.LeadTime, math.MaxInt64)
	check("a histogram", h, 181_000, 60_000, "i", "g", "f")
	same(t, "observations, and those that were removed", []int64{5, 2}, []int64{observations(h.Series), observations(h.Folded)})
	check("in a bucket", history(dora.LeadTime, 60_000), 181_000, 60_000, "i", "f")
	check("the newest was removed", history(dora.DeploymentTimestamp, math.MaxInt64), 9, 9, "h")
	addFacts(t, s, last("j", 10))
	check("a newer one", history(dora.DeploymentTimestamp, math.MaxInt64), 10, 9, "j", "h")
	removeFacts(t, s, 9, 99, 4)
	h = history(dora.LeadTime, math.MaxInt64)
	check("all were removed", h, 181_000, 181_000)
	same(t, "observations of a series that was removed", []int64{5, 5}, []int64{observations(h.Series), observations(h.Folded)})
}
