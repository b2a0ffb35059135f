package pipeline_test

import (
	"slices"
	"time"
)

// lost is the reason of a lead time for which an answer is missing that never comes.
const lost = "no_answer"

// count counts a change that reaches the environment for the first time, and its lead time.
func (o *oracle) count(d *oracleDeployment, c *oracleChange) {
	o.addScoped(d, "dora_changes_total", 1)
	first, reason := o.firstCommit(d, c)
	var author string
	if c.pull != nil {
		author = c.pull.author
	} else {
		author = c.commit.author
	}
	if slices.Contains(o.policy.IgnoreAuthors, author) {
		reason = "ignored_author"
	}
	if reason != "" {
		o.addScoped(d, "dora_lead_time_unavailable_total", 1, "reason", reason)
		return
	}
	o.addScoped(d, "dora_change_lead_time_seconds", d.done.Sub(first).Milliseconds())
	if c.pull == nil {
		return
	}
	stage := func(name string, from, to time.Time) {
		if !to.IsZero() && !to.Before(from) {
			o.addScoped(d, "dora_change_stage_seconds", to.Sub(from).Milliseconds(), "stage", name)
		}
	}
	stage("coding", first, c.pull.opened)
	if !c.pull.merged.IsZero() {
		stage("review", c.pull.opened, c.pull.merged)
		stage("deploy", c.pull.merged, d.done)
	}
}

// firstCommit returns when the work on a change began: the earliest date among its own commits without those that an earlier change had or
// that are not deployed yet; if none is left, the date of the merge commit. It returns a reason if no date is believed.
func (o *oracle) firstCommit(d *oracleDeployment, c *oracleChange) (first time.Time, reason string) {
	if c.lost {
		return time.Time{}, lost
	}
	left := slices.DeleteFunc(slices.Clone(c.own), func(own *graphCommit) bool {
		return c.pull != nil && (o.startedBefore(d, c, own) || c.unmerged && !d.has(own))
	})
	if len(left) == 0 && c.commit != nil {
		left = append(left, c.commit)
	}
	for _, own := range left {
		if at := believed(own, d.done); !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	if first.IsZero() {
		return first, "implausible_date"
	}
	return first, ""
}

// has reports whether a commit is in what is deployed, as it is or as a copy.
func (d *oracleDeployment) has(commit *graphCommit) bool {
	for sha := range d.graph.ancestors(d.sha) {
		if sha == commit.sha || d.graph.isCopy(sha, commit.sha) {
			return true
		}
	}
	return false
}

// believed returns the author date of a commit, the committer date if the author date is before git or after the status, or zero.
func believed(c *graphCommit, status time.Time) time.Time {
	git := time.Date(2005, time.April, 7, 0, 0, 0, 0, time.UTC)
	for _, at := range []time.Time{c.authored, c.committed} {
		if !at.Before(git) && !at.After(status) {
			return at
		}
	}
	return time.Time{}
}
