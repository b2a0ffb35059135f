package dora

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A histogram that starts has its series and no observation, also when it starts after the first one.
func TestAHistogramStarts(t *testing.T) {
	labels := Labels{"team": "a"}
	start := Fact{Family: Recovery, Labels: labels, Subject: ZeroSubject(labels)}
	observed := Fact{Family: Recovery, Labels: labels, Value: 60_000, Subject: RecoverySubject("h/1")} // in the first bucket, up to 60 s
	for _, test := range []struct {
		facts []Fact
		count int64
	}{{[]Fact{start}, 0}, {[]Fact{start, observed}, 1}, {[]Fact{observed, start}, 1}} {
		state := State{}
		if err := state.Add(FamiliesByName(), test.facts...); err != nil {
			t.Fatal(err)
		}
		series, known := state[Recovery][labels.Key()]
		buckets, all := series.Counts(FamiliesByName()[Recovery])
		want := append([]int64{test.count}, make([]int64, 14)...)
		if diff := cmp.Diff(want, buckets); diff != "" || !known || all != test.count || series.Own != 60_000*test.count {
			t.Errorf("%d facts: known %t, %d in all, %s", len(test.facts), known, all, diff)
		}
	}
}
