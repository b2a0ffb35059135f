package pipeline_test

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var testMerge = regexp.MustCompile(`^refs/pull/(\d+)/merge$`)

// pullOf returns the pull request that brought a commit; nil if none did. Its merge commit is the commit, or else the commit is among its
// commits, or was made of one of these by a rebase. Of several, the one that was merged first did. A number in a subject alone says nothing.
func (o *oracle) pullOf(d *oracleDeployment, sha string) *graphPull {
	if m := testMerge.FindStringSubmatch(d.ref); m != nil && sha == d.sha { // the change of a test merge is its pull request
		number, _ := strconv.Atoi(m[1])
		return d.graph.pullNumber(number)
	}
	all := slices.SortedFunc(slices.Values(d.graph.pulls), compareMerged)
	for _, p := range all {
		if p.merge == sha {
			return p
		}
	}
	for _, p := range all {
		if o.carriesBack(d, p) {
			continue
		}
		copied := func(own string) bool { return p.merge != "" && d.graph.isCopy(own, sha) }
		if slices.Contains(p.commits, sha) || slices.ContainsFunc(p.commits, copied) {
			return p
		}
	}
	return nil
}

// isCopy reports whether the content of two commits is the same, as it is after a rebase.
func (g *graph) isCopy(a, b string) bool {
	p, q := g.commits[a], g.commits[b]
	return a != b && p != nil && q != nil && p.message == q.message && p.authored.Equal(q.authored)
}

// carriesBack reports whether a pull request is from the default branch, or from a branch from which something was deployed that is not
// among its own commits but was on the branch before, into another one. Such a pull request does not claim what it carries.
func (o *oracle) carriesBack(d *oracleDeployment, p *graphPull) bool {
	if p.branch == d.graph.defaultBranch {
		return true
	}
	branch := d.graph.ancestors(p.commits[len(p.commits)-1])
	for _, other := range o.deployments {
		deployed := !other.done.IsZero() && cmp.Or(other.done.Compare(d.done), cmp.Compare(other.number, d.number)) <= 0
		if deployed && other.graph == d.graph && strings.TrimPrefix(other.ref, "refs/heads/") == p.branch && branch[other.sha] && !slices.Contains(p.commits, other.sha) {
			return true
		}
	}
	return false
}
