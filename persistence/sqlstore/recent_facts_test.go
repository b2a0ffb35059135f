package sqlstore

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

func positions(facts []dora.Fact) (all []int64) {
	for _, f := range facts {
		all = append(all, f.Position)
	}
	return all
}

func factsAt(from, to int64) (all []dora.Fact) {
	for at := from; at <= to; at++ {
		all = append(all, dora.Fact{Position: at})
	}
	return all
}

func TestRecentFacts(t *testing.T) {
	type read struct {
		after int64
		limit int
		want  []int64
		known bool
	}
	for name, c := range map[string]struct {
		commits [][]dora.Fact
		reads   []read
	}{
		"nothing was committed": {nil, []read{{0, 9, nil, false}}},
		"commits follow each other": {
			[][]dora.Fact{factsAt(1, 2), factsAt(3, 5)},
			[]read{{0, 9, []int64{1, 2, 3, 4, 5}, true}, {3, 9, []int64{4, 5}, true}, {5, 9, nil, true}},
		},
		"a limit":               {[][]dora.Fact{factsAt(1, 5)}, []read{{1, 2, []int64{2, 3}, true}, {3, 2, []int64{4, 5}, true}}},
		"read again":            {[][]dora.Fact{factsAt(1, 5)}, []read{{3, 9, []int64{4, 5}, true}, {2, 9, nil, false}, {3, 9, []int64{4, 5}, true}}},
		"older ones are stored": {[][]dora.Fact{factsAt(7, 8)}, []read{{5, 9, nil, false}, {6, 9, []int64{7, 8}, true}}},
		"another process commits between two": {
			[][]dora.Fact{factsAt(1, 2), factsAt(5, 6)},
			[]read{{0, 9, nil, false}, {2, 9, nil, false}, {4, 9, []int64{5, 6}, true}, {6, 9, nil, true}, {7, 9, nil, false}},
		},
		"too many for the memory": {
			[][]dora.Fact{factsAt(1, 3), factsAt(4, maxRecentFacts+3)},
			[]read{{0, 9, nil, false}, {3, 1, []int64{4}, true}},
		},
		"too many in one commit": {
			[][]dora.Fact{factsAt(1, maxRecentFacts+1), factsAt(maxRecentFacts+2, maxRecentFacts+2)},
			[]read{{0, 9, nil, false}, {maxRecentFacts + 1, 9, []int64{maxRecentFacts + 2}, true}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var r recentFacts
			for _, facts := range c.commits {
				r.add(facts, 0)
			}
			for _, want := range c.reads {
				got, known := r.after(want.after, want.limit)
				if diff := cmp.Diff(want.want, positions(got)); diff != "" || known != want.known {
					t.Errorf("after %d: known %t (-want +got):\n%s", want.after, known, diff)
				}
			}
			r.forget()
			if got, known := r.after(4, 9); len(got) > 0 || known {
				t.Errorf("after forgetting: %v, %t", positions(got), known)
			}
		})
	}
}

func TestRecentFactsBeganNone(t *testing.T) {
	var r recentFacts
	if r.beganNone(0) {
		t.Error("nothing is known, and no series began")
	}
	r.add(factsAt(11, 13), 12)
	r.add(factsAt(14, 15), 0)
	for after, want := range map[int64]bool{-1: false, 9: false, 10: false, 11: false, 12: true, 13: true, 14: true, 15: false} {
		if got := r.beganNone(after); got != want {
			t.Errorf("after %d: %t", after, got)
		}
	}
}
