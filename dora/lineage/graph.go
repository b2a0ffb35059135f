// Package lineage finds out what one commit has and another lacks, in a part of a repository's history.
package lineage

import (
	"cmp"
	"container/heap"
	"slices"
	"time"
)

// Graph is a part of a repository's history: commits by SHA.
type Graph struct{ commits map[string]node }

// node is a commit. branch is true if its parents are those of AddBranch.
type node struct {
	parents   []string
	committed time.Time
	branch    bool
}

// New returns a graph without commits.
func New() *Graph { return &Graph{commits: map[string]node{}} }

// Add adds a commit with its parents, in the place of what AddBranch has added by its SHA.
func (g *Graph) Add(sha string, committed time.Time, parents ...string) {
	g.commits[sha] = node{parents: parents, committed: committed}
}

// BranchCommit is a commit whose parents are not known.
type BranchCommit struct {
	SHA       string
	Committed time.Time
}

// AddBranch adds the own commits of a branch that was merged, oldest first: each as the parent of the next one. Where the branch begins
// is not known, nor which other branches were merged into it; the commit that merged it has them as well. A commit that is there
// stays as it is.
func (g *Graph) AddBranch(own []BranchCommit) {
	previous := ""
	for _, c := range own {
		if _, known := g.commits[c.SHA]; !known {
			n := node{committed: c.Committed, branch: true}
			if previous != "" {
				n.parents = []string{previous}
			}
			g.commits[c.SHA] = n
		}
		previous = c.SHA
	}
}

// Has reports whether a commit is there with its parents.
func (g *Graph) Has(sha string) bool {
	n, known := g.commits[sha]
	return known && !n.branch
}

// Parents returns the parents of a commit; of one that AddBranch added, the commit before it.
func (g *Graph) Parents(sha string) []string { return g.commits[sha].parents }

// Difference is how two commits relate.
type Difference struct {
	// Ahead are the commits that the head has and the base lacks, parents before their children.
	Ahead []string
	// IsBehind is true if the base has commits that the head lacks.
	IsBehind bool
	// Missing are commits that have to be added before anything is known; if there are any, nothing else is set.
	Missing []string
}

// Compare returns what the head has and the base lacks. It follows both, the newest commits first, as git does, until nothing is left
// that only the head has.
func (g *Graph) Compare(base, head string) Difference {
	var missing []string
	for _, end := range []string{head, base} {
		if !g.Has(end) {
			missing = append(missing, end)
		}
	}
	if missing != nil {
		return Difference{Missing: missing}
	}
	w := walk{Graph: g, colors: map[string]color{}, queued: map[string]bool{}}
	w.paint(head, ofHead, time.Time{})
	w.paint(base, ofBase, time.Time{})
	for w.isOpen() {
		sha := w.next()
		for _, parent := range g.commits[sha].parents {
			w.paint(parent, w.colors[sha], g.commits[sha].committed)
		}
	}
	return w.difference(base)
}

// color says which of the two commits have another one.
type color int

const (
	ofHead color = 1 << iota
	ofBase
	ofBoth = ofHead | ofBase
)

// slack is how many more commits are followed when nothing is left that only the head has, in case commits have wrong dates.
const slack = 16

// walk is a comparison in progress.
type walk struct {
	*Graph
	colors map[string]color
	queue  queue
	queued map[string]bool
	// open is how many of the queue only the head has, beyond how many commits were followed since there are none.
	open, beyond int
	// unknown are commits that are not in the graph, with the time of a child.
	unknown []unknown
}

type unknown struct {
	sha   string
	child time.Time
}

// paint adds a color to a commit, and follows it if that is new.
func (w *walk) paint(sha string, c color, child time.Time) {
	before := w.colors[sha]
	if before|c == before {
		return
	}
	w.colors[sha] = before | c
	n, known := w.commits[sha]
	switch {
	case !known:
		w.unknown = append(w.unknown, unknown{sha, child})
		return
	case !w.queued[sha]:
		w.queued[sha] = true
		heap.Push(&w.queue, entry{sha, n.committed.Unix()})
		if w.colors[sha] == ofHead {
			w.open++
		}
	case before == ofHead:
		w.open--
	}
}

func (w *walk) next() string {
	sha := heap.Pop(&w.queue).(entry).sha
	w.queued[sha] = false
	if w.colors[sha] == ofHead {
		w.open--
	}
	return sha
}

// isOpen reports whether the commits that wait may still change the difference.
func (w *walk) isOpen() bool {
	if w.open > 0 {
		w.beyond = 0
	} else {
		w.beyond++
	}
	return len(w.queue) > 0 && w.beyond <= slack
}

func (w *walk) difference(base string) (d Difference) {
	oldest := w.oldestAhead()
	for _, u := range w.unknown {
		lacks := w.colors[u.sha] == ofHead
		// Behind what is unknown of the base there may be what seems to be the head's alone.
		hides := w.colors[u.sha]&ofBase != 0 && !oldest.IsZero() && oldest.Before(u.child)
		if (lacks || hides) && !slices.Contains(d.Missing, u.sha) {
			d.Missing = append(d.Missing, u.sha)
		}
	}
	if d.Missing == nil {
		d.IsBehind = w.colors[base] != ofBoth
		d.Ahead = w.ahead()
	}
	return d
}

// oldestAhead returns the time of the oldest commit that only the head has, without those of AddBranch.
func (w *walk) oldestAhead() (oldest time.Time) {
	for sha, c := range w.colors {
		n, known := w.commits[sha]
		if c == ofHead && known && !n.branch && (oldest.IsZero() || n.committed.Before(oldest)) {
			oldest = n.committed
		}
	}
	return oldest
}

// ahead returns the commits that only the head has: the oldest first, but parents before their children.
func (w *walk) ahead() (all []string) {
	children, waitsFor := map[string][]string{}, map[string]int{}
	var ready queue
	for sha, c := range w.colors {
		if c != ofHead {
			continue
		}
		for _, parent := range w.commits[sha].parents {
			if w.colors[parent] == ofHead {
				children[parent] = append(children[parent], sha)
				waitsFor[sha]++
			}
		}
		if waitsFor[sha] == 0 {
			ready = append(ready, w.oldestFirst(sha))
		}
	}
	heap.Init(&ready)
	for len(ready) > 0 {
		sha := heap.Pop(&ready).(entry).sha
		all = append(all, sha)
		for _, child := range children[sha] {
			if waitsFor[child]--; waitsFor[child] == 0 {
				heap.Push(&ready, w.oldestFirst(child))
			}
		}
	}
	return all
}

// oldestFirst returns the entry of a commit for a queue that gives the oldest one first.
func (w *walk) oldestFirst(sha string) entry { return entry{sha, -w.commits[sha].committed.Unix()} }

// queue has commits that are still to be followed: that with the greatest at first.
type queue []entry

type entry struct {
	sha string
	// at orders the entries: the seconds of a time.
	at int64
}

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(q[j].at, q[i].at), cmp.Compare(q[i].sha, q[j].sha)) < 0
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(entry)) }
func (q *queue) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}
