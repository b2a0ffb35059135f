package lineage

import (
	"cmp"
	"slices"
	"strings"

	"dora-exporter/dora"
)

// Of returns the graph of what was read of a repository.
func Of(r *dora.ArchivedRepository) *Graph {
	g := New()
	for _, c := range r.Commits {
		g.Add(c.SHA, c.Committed, c.Parents...)
	}
	for _, p := range r.Pulls {
		if c := p.MergeCommit; c.SHA != "" && !g.Has(c.SHA) {
			g.Add(c.SHA, c.Committed, c.Parents...)
		}
	}
	merged := map[string]bool{r.DefaultBranch: true} // branches that others are merged to
	for _, p := range r.Pulls {
		merged[p.Base] = true
	}
	// Of two pull requests that list the same commits the first one brought them: the other one is stacked on it, or a release.
	pulls := slices.SortedFunc(slices.Values(r.Pulls), func(p, q dora.ArchivedPull) int {
		return cmp.Or(p.Merged.Compare(q.Merged), cmp.Compare(p.Number, q.Number))
	})
	for _, p := range pulls {
		if merged[p.Branch] {
			continue
		}
		if own, ok := g.branchOf(p); ok {
			g.AddBranch(own)
		}
	}
	return g
}

// branchOf returns the own commits of a pull request that was merged by a merge commit; false if they are not a branch of its own that
// ends in what was merged.
func (g *Graph) branchOf(p dora.ArchivedPull) (own []BranchCommit, ok bool) {
	if len(p.MergeCommit.Parents) != 2 || len(p.Commits) == 0 || p.Incomplete {
		return nil, false
	}
	last := p.Commits[len(p.Commits)-1].SHA
	if !strings.EqualFold(last, p.MergeCommit.Parents[1]) {
		return nil, false
	}
	for _, c := range p.Commits {
		if g.Has(c.SHA) {
			return nil, false // it has commits that another pull request made: it is a release, or takes a branch to another one
		}
		own = append(own, BranchCommit{c.SHA, c.Committed})
	}
	return own, true
}

// Reachable returns the commits of a branch that was merged to or read: those that can be reached from what pull requests to it were
// merged as, and from its newest commit when it was read.
func Reachable(g *Graph, r *dora.ArchivedRepository, branch, newest string) map[string]bool {
	found := map[string]bool{}
	todo := []string{newest}
	for _, p := range r.Pulls {
		if p.Base == branch {
			todo = append(todo, p.MergeCommit.SHA)
		}
	}
	for len(todo) > 0 {
		sha := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if _, known := g.commits[sha]; known && !found[sha] {
			found[sha] = true
			todo = append(todo, g.Parents(sha)...)
		}
	}
	return found
}
