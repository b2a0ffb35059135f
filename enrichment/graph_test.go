package enrichment

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The line of a random history is what git log --first-parent lists, and what hangs off a merge is git log merge^1..merge.
func TestLinesOfRandomHistories(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		h := newHistory(t)
		for n := range 3 + random.IntN(25) {
			parents := []string{h.order[len(h.order)-1]}
			for range random.IntN(3) {
				if p := h.order[random.IntN(len(h.order))]; !slices.Contains(parents, p) {
					parents = append(parents, p)
				}
			}
			random.Shuffle(len(parents), func(i, j int) { parents[i], parents[j] = parents[j], parents[i] })
			h.commit(fmt.Sprintf("c%02d", n), "Work", parents...)
		}
		head := h.order[len(h.order)-1]
		base := "root"
		if all := h.order[:len(h.order)-1]; seed%2 == 0 {
			base = all[random.IntN(len(all))]
		}
		before := h.ancestors(base)
		var ahead commits
		for _, sha := range h.order {
			if h.ancestors(head)[sha] && !before[sha] {
				ahead = append(ahead, h.asCommit(sha))
			}
		}

		var want, got []string
		for sha := head; sha != "" && !before[sha]; sha = append(h.commits[sha].parents, "")[0] {
			older, brought := h.ancestors(append(h.commits[sha].parents, "")[0]), []string{}
			for other := range h.ancestors(sha) {
				if other != sha && !older[other] && !before[other] {
					brought = append(brought, other)
				}
			}
			slices.Sort(brought)
			want = append(want, fmt.Sprint(sha, brought))
		}
		graph := newGraph(ahead)
		lines := graph.lines()
		if len(lines) != 1 || len(graph) != 0 {
			t.Fatalf("seed %d: %d lines, %d commits left", seed, len(lines), len(graph))
		}
		for _, at := range lines[0] {
			got = append(got, fmt.Sprint(at.SHA, slices.Sorted(maps.Keys(at.hanging))))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d: line (-want +got):\n%s", seed, diff)
		}
		if placed := places(lines); placed != len(ahead) {
			t.Errorf("seed %d: %d commits have a place, of %d", seed, placed, len(ahead))
		}
	}
}

func (h *history) asCommit(sha string) (c commit) {
	c.SHA = sha
	for _, p := range h.commits[sha].parents {
		c.Parents = append(c.Parents, struct {
			SHA string `json:"sha"`
		}{p})
	}
	return c
}
