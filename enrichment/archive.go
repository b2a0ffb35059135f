package enrichment

import (
	"slices"

	"dora-exporter/dora"
	"dora-exporter/dora/lineage"
)

// archive answers calls from what was read in bulk of a repository: the same as GitHub would, or nothing. What is not there is asked for.
type archive struct {
	*dora.ArchivedRepository
	fullName string
	pulls    map[int]*dora.ArchivedPull
	commits  map[string]dora.ArchivedCommit
	// byCommit has the pull requests of a commit: those that it merged or that list it as their own.
	byCommit map[string][]*dora.ArchivedPull
	// onDefaultBranch has the commits of the default branch. Only pull requests that were merged count for these.
	onDefaultBranch map[string]bool
	graph           *lineage.Graph
}

func newArchive(r *dora.ArchivedRepository, fullName string) *archive {
	a := &archive{
		ArchivedRepository: r, fullName: fullName, pulls: map[int]*dora.ArchivedPull{}, commits: map[string]dora.ArchivedCommit{},
		byCommit: map[string][]*dora.ArchivedPull{}, graph: lineage.Of(r),
	}
	a.onDefaultBranch = lineage.Reachable(a.graph, r, r.DefaultBranch, r.Newest)
	for i := range r.Pulls {
		p := &r.Pulls[i]
		a.pulls[p.Number] = p
	}
	for _, p := range a.pulls {
		for _, c := range p.Commits {
			a.commits[c.SHA] = c
			a.byCommit[c.SHA] = append(a.byCommit[c.SHA], p)
		}
		if p.MergeCommit.SHA != "" {
			a.byCommit[p.MergeCommit.SHA] = append(a.byCommit[p.MergeCommit.SHA], p)
		}
	}
	for _, p := range a.pulls {
		if p.MergeCommit.SHA != "" {
			a.commits[p.MergeCommit.SHA] = p.MergeCommit
		}
	}
	for _, c := range r.Commits {
		a.commits[c.SHA] = c
	}
	for _, p := range a.pulls {
		a.addRebased(p)
	}
	return a
}

// addRebased finds the commits that GitHub made of a pull request when it rebased it, before the last one.
func (a *archive) addRebased(p *dora.ArchivedPull) {
	made := p.MergeCommit
	for _, own := range slices.Backward(p.Commits) {
		if len(made.Parents) != 1 || restCommit(own).workHash() != restCommit(made).workHash() {
			return
		}
		if made.SHA != p.MergeCommit.SHA {
			a.byCommit[made.SHA] = append(a.byCommit[made.SHA], p)
		}
		made = a.commits[made.Parents[0]]
	}
}

// commit returns a commit; false if it is not there with its parents.
func (a *archive) commit(sha string) (commit, bool) {
	if a == nil || !a.graph.Has(sha) {
		return commit{}, false
	}
	c, known := a.commits[sha]
	return restCommit(c), known
}

// pull returns a pull request by its number.
func (a *archive) pull(number int) (pull, bool) {
	if a == nil || a.pulls[number] == nil {
		return pull{}, false
	}
	return a.restPull(a.pulls[number]), true
}

// pullsOf returns the pull requests of a commit; false if there may be open ones, too, of a commit that is not on the default
// branch. There are none if some may have been merged before those that are there.
func (a *archive) pullsOf(sha string) (all pulls, known bool) {
	if a == nil {
		return nil, false
	}
	for _, p := range a.byCommit[sha] {
		all = append(all, a.restPull(p))
	}
	if slices.ContainsFunc(all, func(p pull) bool { return p.broughtBy(sha) }) {
		return all, true
	}
	c, has := a.commits[sha]
	if !has || c.Committed.Before(a.PullsSince) {
		return nil, false
	}
	return all, a.onDefaultBranch[sha]
}

// pullCommits returns the commits of a pull request.
func (a *archive) pullCommits(number int) (all commits, known bool) {
	if a == nil || a.pulls[number] == nil || a.pulls[number].Incomplete {
		return nil, false
	}
	for _, c := range a.pulls[number].Commits {
		all = append(all, restCommit(c))
	}
	return all, true
}

// compare returns what the head has and the base lacks, without files.
func (a *archive) compare(base, head string) (comparison, bool) {
	if a == nil {
		return comparison{}, false
	}
	d := a.graph.Compare(base, head)
	if d.Missing != nil {
		return comparison{}, false
	}
	answer := comparison{Status: relationOf(len(d.Ahead) > 0, d.IsBehind), Total: len(d.Ahead)}
	for _, sha := range d.Ahead {
		c := restCommit(a.commits[sha])
		if len(c.Parents) == 0 {
			c.Parents = parents(a.graph.Parents(sha))
		}
		answer.Commits = append(answer.Commits, c)
	}
	return answer, true
}

func relationOf(ahead, behind bool) dora.Relation {
	switch {
	case ahead && behind:
		return dora.Diverged
	case ahead:
		return dora.Ahead
	case behind:
		return dora.Behind
	}
	return dora.Identical
}

func (a *archive) restPull(p *dora.ArchivedPull) pull {
	rest := pull{
		Number: p.Number, State: "closed", CreatedAt: date{p.Opened}, MergedAt: date{p.Merged}, MergeCommitSHA: p.MergeCommit.SHA,
		User: account{p.Author}, Title: p.Title, Body: p.Body, Head: branch{Ref: p.Branch, SHA: p.Head}, Base: branch{Ref: p.Base},
	}
	rest.Base.Repo = &branchRepository{ID: a.ID, FullName: a.fullName, DefaultBranch: a.DefaultBranch}
	if p.HeadRepository != 0 {
		rest.Head.Repo = &branchRepository{ID: p.HeadRepository}
	}
	for _, name := range p.Labels {
		rest.Labels = append(rest.Labels, label{name})
	}
	return rest
}

func restCommit(c dora.ArchivedCommit) commit {
	return commit{
		SHA: c.SHA, Author: account{c.Author}, Parents: parents(c.Parents),
		Commit: &content{Message: c.Message, Author: signed{date{c.Authored}}, Committer: signed{date{c.Committed}}},
	}
}

func parents(shas []string) (all []parent) {
	for _, sha := range shas {
		all = append(all, parent{sha})
	}
	return all
}
