// Package commitgraph finds out what one commit has and another lacks, in a part of a repository's history.
package commitgraph

import (
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
	return w.difference(base, head)
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
	unknown []entry
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
		w.unknown = append(w.unknown, entry{sha, child})
		return
	case !w.queued[sha]:
		w.queued[sha] = true
		heap.Push(&w.queue, entry{sha, n.committed})
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

func (w *walk) difference(base, head string) (d Difference) {
	oldest := w.oldestAhead()
	for _, u := range w.unknown {
		lacks := w.colors[u.sha] == ofHead
		// Behind what is unknown of the base there may be what seems to be the head's alone.
		hides := w.colors[u.sha]&ofBase != 0 && !oldest.IsZero() && oldest.Before(u.committed)
		if (lacks || hides) && !slices.Contains(d.Missing, u.sha) {
			d.Missing = append(d.Missing, u.sha)
		}
	}
	if d.Missing == nil {
		d.IsBehind = w.colors[base] != ofBoth
		d.Ahead = w.sorted(head)
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

// sorted returns the commits that only the head has, parents first.
func (w *walk) sorted(head string) (all []string) {
	type step struct {
		sha  string
		done bool
	}
	seen := map[string]bool{}
	todo := []step{{sha: head}}
	for len(todo) > 0 {
		last := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		switch {
		case last.done:
			all = append(all, last.sha)
			continue
		case w.colors[last.sha] != ofHead || seen[last.sha]:
			continue
		}
		seen[last.sha] = true
		todo = append(todo, step{last.sha, true})
		for _, parent := range slices.Backward(w.commits[last.sha].parents) {
			todo = append(todo, step{sha: parent})
		}
	}
	return all
}

// queue has the commits that are still to be followed, the newest first.
type queue []entry

type entry struct {
	sha       string
	committed time.Time
}

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].committed.After(q[j].committed) }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(entry)) }
func (q *queue) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}
