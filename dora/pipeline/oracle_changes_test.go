package pipeline_test

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// oracleChange is a pull request, or a commit that was pushed without one.
type oracleChange struct {
	pull   *graphPull   // nil for a direct commit
	commit *graphCommit // the direct commit, or the one that merged the pull request; nil while it is open
	// own are the commits of the work: those of the pull request without those of pull requests that it brings. lost is set if GitHub
	// never gives them.
	own  []*graphCommit
	lost bool
	// unmerged is set if it is found by a commit of its branch, of which others may not be deployed yet.
	unmerged bool
	// rebased are the SHAs of copies of its commits.
	rebased []string
}

func (c *oracleChange) name() string {
	if c.pull != nil {
		return "#" + strconv.Itoa(c.pull.number)
	}
	return c.commit.sha
}

// commits returns the SHAs of all commits of the change.
func (c *oracleChange) commits() []string {
	all := slices.Clone(c.rebased)
	if c.commit != nil {
		all = append(all, c.commit.sha)
	}
	if c.pull != nil && !c.lost {
		all = append(all, c.pull.commits...)
	}
	return all
}

// at returns when the change was merged or committed; open pull requests come last.
func (c *oracleChange) at() time.Time {
	switch {
	case c.pull == nil:
		return c.commit.committed
	case c.pull.merged.IsZero():
		return time.Unix(1<<40, 0)
	}
	return c.pull.merged
}

// ship determines what a deployment ships, counts what is new in its scope, and finds the evidence that it thereby is. What came
// before it in the repository has been shipped.
func (o *oracle) ship(d *oracleDeployment) {
	commits, relation := o.listed(d)
	d.relation = relation
	for _, sha := range commits {
		p := o.pullOf(d, sha)
		switch c := d.graph.commits[sha]; {
		case p != nil:
			o.bring(d, p, p.merge == sha)
			for _, change := range d.changes {
				if change.pull == p {
					change.rebased = append(change.rebased, sha)
				}
			}
		case len(c.parents) < 2 || relation == "first" || relation == "gone":
			d.changes = append(d.changes, &oracleChange{commit: c, own: []*graphCommit{c}})
		} // a merge that is no pull request's is no change, what it brought is
	}
	if relation == "diverged" { // what was there before is not shipped
		d.changes = slices.DeleteFunc(d.changes, func(c *oracleChange) bool { return o.reached(d, c) })
		d.carriers = slices.DeleteFunc(d.carriers, func(p *graphPull) bool { return o.had(d, p) })
	}
	slices.SortStableFunc(d.changes, func(a, b *oracleChange) int { return a.at().Compare(b.at()) })
	for _, c := range d.changes {
		if !o.reached(d, c) {
			d.fresh = append(d.fresh, c)
			o.count(d, c)
		}
	}
	if d.production {
		o.findReverts(d)
		o.findHotfix(d)
	}
}

// listed returns the commits in which the changes of d are looked for, and how d relates to what was running: ahead of it and diverged
// from it, those that it has and the other has not; if that is gone or the comparison never comes, the deployed commit alone.
func (o *oracle) listed(d *oracleDeployment) (commits []string, relation string) {
	running := o.running(d)
	if running == nil {
		return []string{d.sha}, "first"
	}
	base := running.sha
	ahead, behind := d.graph.since(base, d.sha), d.graph.since(d.sha, base)
	switch {
	case base == d.sha:
		return nil, "identical"
	case d.graph.commits[base] == nil, o.lostComparison != nil && o.lostComparison(base, d.sha):
		return []string{d.sha}, "gone"
	case len(ahead) == 0:
		return nil, "behind"
	case len(behind) > 0:
		return ahead, "diverged"
	}
	return ahead, "ahead"
}

// bring adds what a pull request brings. If the merge commits of other merged pull requests are among its commits, it brings these, and
// is a change itself only with commits of its own beside them and their merges. If the pull request itself was not merged into what is
// deployed, which are some of its commits, it brings no other ones.
func (o *oracle) bring(d *oracleDeployment, p *graphPull, merged bool) {
	if slices.Contains(d.carriers, p) || slices.ContainsFunc(d.changes, func(c *oracleChange) bool { return c.pull == p }) {
		return
	}
	change := &oracleChange{pull: p, commit: d.graph.commits[p.merge], unmerged: !merged, lost: o.lostPull != nil && o.lostPull(d.graph, p.number)}
	if change.lost {
		d.changes = append(d.changes, change)
		return
	}
	var inner []*graphPull
	for _, q := range d.graph.pulls {
		if q != p && q.merge != "" && slices.Contains(p.commits, q.merge) {
			inner = append(inner, q)
		}
	}
	for _, sha := range p.commits {
		c := d.graph.commits[sha]
		isInner := slices.ContainsFunc(inner, func(q *graphPull) bool { return q.has(sha) })
		if !isInner && (len(inner) == 0 || len(c.parents) < 2) {
			change.own = append(change.own, c)
		}
	}
	if len(inner) == 0 {
		isMerge := change.commit != nil && len(change.commit.parents) > 1
		if !isMerge || !o.carriesBack(d, p) { // a merge that takes a branch back is no change
			d.changes = append(d.changes, change)
		}
		return
	}
	d.carriers = append(d.carriers, p)
	isSquashed := change.commit != nil && len(change.commit.parents) < 2 // then it lists all of its branch every time
	for _, q := range inner {
		if merged && (!isSquashed || !o.had(d, q)) {
			o.bring(d, q, true)
		}
	}
	left := slices.ContainsFunc(change.own, func(c *graphCommit) bool { return !o.startedBefore(d, change, c) })
	if left && !o.carriesBack(d, p) {
		d.changes = append(d.changes, change)
	}
}

// reached reports whether an earlier deployment of d's scope shipped a change. After a deployment from which d has diverged, it is also
// enough that it contained the change, or that all commits of the change were shipped.
func (o *oracle) reached(d *oracleDeployment, c *oracleChange) bool {
	for _, earlier := range o.before(d) {
		if slices.ContainsFunc(earlier.changes, func(shipped *oracleChange) bool { return shipped.name() == c.name() }) {
			return true
		}
	}
	if d.relation != "diverged" {
		return false
	}
	isNew := func(own *graphCommit) bool { return !o.hadCommit(d, own.sha) }
	return c.commit != nil && o.contained(d, c.commit) || len(c.own) > 0 && !slices.ContainsFunc(c.own, isNew)
}

// contained reports whether a commit was in what was deployed before in d's scope, as it is or rebased.
func (o *oracle) contained(d *oracleDeployment, commit *graphCommit) bool {
	return slices.ContainsFunc(o.before(d), func(earlier *oracleDeployment) bool { return earlier.has(commit) })
}

// had reports whether an earlier deployment of d's scope shipped a pull request, as a change or a carrier, or contained it.
func (o *oracle) had(d *oracleDeployment, p *graphPull) bool {
	shipped := slices.ContainsFunc(o.before(d), func(earlier *oracleDeployment) bool {
		return slices.Contains(earlier.carriers, p) || slices.ContainsFunc(earlier.changes, func(c *oracleChange) bool { return c.pull == p })
	})
	return shipped || p.merge != "" && o.contained(d, d.graph.commits[p.merge])
}

// hadCommit reports whether an earlier deployment of d's scope shipped or was a commit.
func (o *oracle) hadCommit(d *oracleDeployment, sha string) bool {
	return slices.ContainsFunc(o.before(d), func(earlier *oracleDeployment) bool {
		return earlier.sha == sha || slices.ContainsFunc(earlier.changes, func(c *oracleChange) bool { return slices.Contains(c.commits(), sha) })
	})
}

// startedBefore reports whether a commit is not the start of a change that d ships: it was in what was deployed before in the scope,
// belongs to an earlier change of d, or another change of the repository was shipped with it first, in any scope.
func (o *oracle) startedBefore(d *oracleDeployment, c *oracleChange, commit *graphCommit) bool {
	if o.contained(d, commit) {
		return true
	}
	for _, earlier := range d.changes {
		if earlier == c {
			break
		}
		if slices.Contains(earlier.commits(), commit.sha) {
			return true
		}
	}
	for _, shipping := range o.deployments[:slices.Index(o.deployments, d)] {
		if shipping.graph != d.graph || shipping.scope != d.scope && shipping.done.Equal(d.done) {
			continue // another repository, or not earlier
		}
		for _, shipped := range shipping.changes {
			if slices.Contains(shipped.commits(), commit.sha) {
				return shipped.name() != c.name()
			}
		}
	}
	return false
}

// compareMerged orders pull requests by when they were merged; open ones come last.
func compareMerged(p, q *graphPull) int {
	if open := q.merged.IsZero(); open != p.merged.IsZero() {
		if open {
			return -1
		}
		return 1
	}
	return cmp.Or(p.merged.Compare(q.merged), cmp.Compare(p.number, q.number))
}
