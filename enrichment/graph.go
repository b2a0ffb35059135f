package enrichment

import (
	"cmp"
	"slices"
)

// graph has the commits of a comparison that no line has taken yet, by SHA.
type graph map[string]*node

// node is a commit of the comparison.
type node struct {
	commit
	// index is that in the answer, oldest first.
	index int
}

// link is a commit on a line. hanging has the commits that it brought as a merge, without those of older merges on the line.
type link struct {
	*node
	hanging graph
}

func newGraph(all commits) graph {
	g := make(graph, len(all))
	for i, commit := range all {
		g[commit.SHA] = &node{commit, i}
	}
	return g
}

func (n *node) isMerge() bool { return len(n.Parents) > 1 }

// line is a way through the graph along first parents, which is how a branch moved: newest first.
type line []link

// lines takes all commits out of the graph, as the lines that end in the commits that are nobody's parent; newest first. There
// is one for what a deployment ships, and one for each further parent of a merge for what the merge brought.
func (g graph) lines() (all []line) {
	parents := map[string]bool{}
	for _, n := range g {
		for _, p := range n.Parents {
			parents[p.SHA] = true
		}
	}
	sorted := g.sorted()
	for _, n := range slices.Backward(sorted) {
		if !parents[n.SHA] {
			all = append(all, g.line(n.SHA))
		}
	}
	// No commit can be its own ancestor, but an answer can say so.
	for _, n := range slices.Backward(sorted) {
		if g[n.SHA] != nil {
			all = append(all, g.line(n.SHA))
		}
	}
	return all
}

// line takes a line and what hangs off it out of the graph.
func (g graph) line(tip string) (l line) {
	for n := g[tip]; n != nil; {
		delete(g, n.SHA)
		l = append(l, link{node: n})
		if len(n.Parents) == 0 {
			break
		}
		n = g[n.Parents[0].SHA]
	}
	// An older merge goes first: what it brought is not brought again by a newer one.
	for i, at := range slices.Backward(l) {
		if at.isMerge() {
			l[i].hanging = g.takeAncestors(at.node)
		}
	}
	return l
}

// takeAncestors takes what can be reached from a merge's second and further parents.
func (g graph) takeAncestors(merge *node) graph {
	taken := graph{}
	todo := []*node{merge}
	for len(todo) > 0 {
		last := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		parents := last.Parents
		if last == merge {
			parents = parents[1:]
		}
		for _, p := range parents {
			if n := g[p.SHA]; n != nil {
				delete(g, n.SHA)
				taken[n.SHA] = n
				todo = append(todo, n)
			}
		}
	}
	return taken
}

// without removes commits from the graph and returns it.
func (g graph) without(excluded pullCommits) graph {
	for _, commit := range excluded {
		delete(g, commit.SHA)
	}
	return g
}

// commits returns all commits, oldest first.
func (g graph) commits() (all commits) {
	for _, n := range g.sorted() {
		all = append(all, n.commit)
	}
	return all
}

func (g graph) sorted() (all []*node) {
	for _, n := range g {
		all = append(all, n)
	}
	slices.SortFunc(all, func(a, b *node) int { return cmp.Compare(a.index, b.index) })
	return all
}

// startsAt reports whether a commit is what a line began from: the first parent of its oldest commit.
func (l line) startsAt(sha string) bool {
	oldest := l[len(l)-1]
	return len(oldest.Parents) > 0 && oldest.Parents[0].SHA == sha
}
