package lineage

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func at(minute int) time.Time { return time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC) }

// Main is m1 ← m2 ← m3 ← m4 ← m5. m3 merged the branch f1 ← f2, which began at m1, and m5 the branch g1, which began at m3. t1 was made
// beside main, on m2. x is the parent of m1, and is not there.
func example() *Graph {
	g := New()
	g.Add("m1", at(10), "x")
	g.Add("m2", at(20), "m1")
	g.Add("m3", at(30), "m2", "f2")
	g.Add("m4", at(40), "m3")
	g.Add("m5", at(50), "m4", "g1")
	g.Add("t1", at(60), "m2")
	g.AddBranch([]BranchCommit{{"f1", at(11)}, {"f2", at(29)}})
	g.AddBranch([]BranchCommit{{"g1", at(45)}})
	return g
}

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		name, base, head string
		want             Difference
	}{
		{"the next commit", "m3", "m4", Difference{Ahead: []string{"m4"}}},
		{"a merge has the commits of its branch", "m2", "m3", Difference{Ahead: []string{"f1", "f2", "m3"}}},
		{"over two merges", "m1", "m5", Difference{Ahead: []string{"f1", "m2", "f2", "m3", "m4", "g1", "m5"}}},
		{"the same", "m4", "m4", Difference{}},
		{"an older one", "m5", "m2", Difference{IsBehind: true}},
		{"beside each other", "t1", "m3", Difference{Ahead: []string{"f1", "f2", "m3"}, IsBehind: true}},
		{"a base that is not there", "y", "m3", Difference{Missing: []string{"y"}}},
		{"a commit of a branch as the base", "f2", "m3", Difference{Missing: []string{"f2"}}},
		{"a commit of a branch as the head", "m2", "g1", Difference{Missing: []string{"g1"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, example().Compare(c.base, c.head)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCompareOverAGap(t *testing.T) {
	g := New()
	g.Add("m1", at(10))
	g.Add("m3", at(30), "m2")
	g.Add("m4", at(40), "m3")
	want := Difference{Missing: []string{"m2"}}
	if diff := cmp.Diff(want, g.Compare("m1", "m4")); diff != "" {
		t.Errorf("with a gap: %s", diff)
	}
	g.Add("m2", at(20), "m1")
	want = Difference{Ahead: []string{"m2", "m3", "m4"}}
	if diff := cmp.Diff(want, g.Compare("m1", "m4")); diff != "" {
		t.Errorf("without it: %s", diff)
	}
}

// What lies behind a gap of the base may be the base's, too.
func TestCompareWithAGapBelowTheBase(t *testing.T) {
	g := New()
	g.Add("m1", at(10))
	g.Add("m3", at(30), "m2")
	g.Add("f1", at(15), "m1") // the branch began at m1, which is behind m2
	g.Add("m4", at(40), "m3", "f1")
	want := Difference{Missing: []string{"m2"}}
	if diff := cmp.Diff(want, g.Compare("m3", "m4")); diff != "" {
		t.Error(diff)
	}
}

// The branch of the second release has what the first one had brought already.
func TestCompareReleases(t *testing.T) {
	g := New()
	g.Add("d1", at(10))
	g.Add("d2", at(20), "d1")
	g.Add("d3", at(40), "d2")
	g.Add("r0", at(5))
	g.Add("r1", at(30), "r0", "d2")
	g.Add("r2", at(50), "r1", "d3")
	want := Difference{Ahead: []string{"d3", "r2"}}
	if diff := cmp.Diff(want, g.Compare("r1", "r2")); diff != "" {
		t.Error(diff)
	}
}

// A clock that was an hour slow made m2 older than its parents.
func TestCompareWithAWrongDate(t *testing.T) {
	g := New()
	g.Add("m1", at(10))
	g.Add("m2", at(1), "m1")
	g.Add("m3", at(30), "m2")
	g.Add("f1", at(20), "m1")
	g.Add("m4", at(40), "m3", "f1")
	want := Difference{Ahead: []string{"f1", "m4"}}
	if diff := cmp.Diff(want, g.Compare("m3", "m4")); diff != "" {
		t.Error(diff)
	}
}
