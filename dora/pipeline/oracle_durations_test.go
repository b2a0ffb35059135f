package pipeline_test

import (
	"cmp"
	"slices"
	"time"
)

// durations returns the lines of github_*: every status counts under its state, with the time from the first commit of the pull request
// that brought the deployed commit. That depends on no other event, and no deployment is left out.
func (o *oracle) durations() []string {
	o.lines = nil
	seen := map[int64]bool{}
	for _, s := range o.sent {
		if seen[s.id] {
			continue
		}
		seen[s.id] = true
		labels := []string{"environment", cmp.Or(s.environment, s.origin), "repo", s.repository, "status", s.state, "team", o.teams[s.repository]}
		o.add("github_deployments_total", 1, labels...)
		first, reason := o.firstCommitOf(s)
		if reason != "" {
			o.add("github_deployments_duration_unavailable_total", 1, append(labels, "reason", reason)...)
			continue
		}
		o.add("github_deployments_duration_sum", s.at.Sub(first).Milliseconds(), labels...)
	}
	slices.Sort(o.lines)
	return o.lines
}

// firstCommitOf returns the first commit of the pull request that brought the deployed commit, or the commit itself without one.
func (o *oracle) firstCommitOf(s sent) (first time.Time, reason string) {
	commits := []string{s.sha}
	alone := &oracle{} // no other deployment says from which branches something was deployed
	if p := alone.pullOf(&oracleDeployment{sentDeployment: s.sentDeployment}, s.sha); p != nil {
		if commits = p.commits; o.lostPull != nil && o.lostPull(s.graph, p.number) {
			return first, lost
		}
	}
	for _, sha := range commits {
		if at := believed(s.graph.commits[sha], s.at); !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	if first.IsZero() {
		reason = "implausible_date"
	}
	return first, reason
}
