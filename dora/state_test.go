package dora

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Bounds of 600 s and 1800 s: an observation of just a bound is in its bucket, one of a millisecond more in the next.
func TestBucketOfAnObservation(t *testing.T) {
	families := map[string]Family{"h": {Name: "h", Kind: Histogram, Unit: Milliseconds, Labels: []string{"team"}, Bounds: []int64{600_000, 1_800_000}}}
	state, labels := State{}, Labels{"team": "Platform"}
	var before []Series
	for _, test := range []struct {
		value int64
		want  Series
	}{
		{0, Series{Own: 0, Buckets: []int64{1, 0, 0}}},
		{600_000, Series{Own: 600_000, Buckets: []int64{2, 0, 0}}},
		{600_001, Series{Own: 1_200_001, Buckets: []int64{2, 1, 0}}},
		{1_800_000, Series{Own: 3_000_001, Buckets: []int64{2, 2, 0}}},
		{1_800_001, Series{Own: 4_800_002, Buckets: []int64{2, 2, 1}}},
	} {
		if err := state.Add(families, Fact{Family: "h", Labels: labels, Value: test.value}); err != nil {
			t.Fatal(err)
		}
		test.want.Labels = labels
		got := state["h"][labels.Key()]
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("after %d: -want +got:\n%s", test.value, diff)
		}
		before = append(before, got)
	}
	if diff := cmp.Diff([]int64{1, 0, 0}, before[0].Buckets); diff != "" {
		t.Errorf("a series read before has changed: -want +got:\n%s", diff)
	}
}

func TestBaselineCounts(t *testing.T) {
	f := Family{Kind: Histogram, Unit: Milliseconds, Bounds: []int64{600_000, 1_800_000}}
	type counts struct {
		buckets []int64
		all     int64
		sum     float64
	}
	for name, test := range map[string]struct {
		series Series
		want   counts
	}{
		"nothing":  {Series{}, counts{[]int64{0, 0, 0}, 0, 0}},
		"facts":    {Series{Own: 1500, Buckets: []int64{1, 0, 2}}, counts{[]int64{1, 0, 2}, 3, 1.5}},
		"baseline": {Series{Baseline: 0.25, BaselineBuckets: []int64{4, 0, 0}}, counts{[]int64{4, 0, 0}, 4, 0.25}},
		"both": {
			Series{Baseline: 0.25, Own: 1500, BaselineBuckets: []int64{4, 1, 0}, Buckets: []int64{1, 0, 2}},
			counts{[]int64{5, 1, 2}, 8, 1.75},
		},
	} {
		t.Run(name, func(t *testing.T) {
			buckets, all := test.series.Counts(f)
			got := counts{buckets, all, test.series.Value(f)}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(counts{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
