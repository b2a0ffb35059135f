package pipeline_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"dora-exporter/dora"
)

// clock returns the minutes after nine of a time, or its year if that is another one.
func clock(t time.Time) string {
	switch {
	case t.IsZero():
		return "-"
	case t.Year() != morning.Year():
		return fmt.Sprint("year ", t.Year())
	}
	return fmt.Sprintf("%.4g", t.Sub(morning).Minutes())
}

// describe prints the history.
func (p *history) describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "hotfixes %v, window %v, incidents %+v, ignore %v\n", p.policy.HotfixBranches.Patterns(), p.policy.IncidentWindow, p.policy.Incidents, p.ignore)
	for _, g := range p.graphs {
		if !slices.ContainsFunc(p.sent, func(s sent) bool { return s.graph == g.graph }) {
			continue
		}
		names := map[string]string{}
		for _, sha := range g.order {
			names[sha] = fmt.Sprintf("%.5s", sha)
		}
		list := func(shas []string) (all []string) {
			for _, sha := range shas {
				all = append(all, names[sha])
			}
			return all
		}
		fmt.Fprintf(&b, "repository %s, formerly %q, default branch %s\n", g.name, g.formerName, g.defaultBranch)
		for _, sha := range g.order {
			c := g.commits[sha]
			fmt.Fprintf(&b, "  %s by %.3s authored %s committed %s after %v: %.60q\n", names[sha], c.author, clock(c.authored), clock(c.committed), list(c.parents), c.message)
		}
		for _, q := range g.pulls {
			fmt.Fprintf(&b, "  #%d by %.3s from %s to %s, opened %s, merged %s as %s, commits %v: %q %q\n", q.number, q.author, q.branch, q.base, clock(q.opened),
				clock(q.merged), names[q.merge], list(q.commits), q.title, q.body)
		}
	}
	for _, s := range p.sent {
		missing := ""
		if s.withoutID {
			missing = ", no id"
		}
		fmt.Fprintf(&b, "%s %s %s#%d %.5s status %d in %q; made for %s at %s, ref %s task %q by %s workflow %s%s\n", clock(s.at), s.state, s.repository, s.number, s.sha,
			s.id, s.environment, s.origin, clock(s.created), s.ref, s.task, s.creator, s.workflow, missing)
	}
	for _, c := range p.incidents {
		fmt.Fprintf(&b, "%s %s %s changelog %q created %s resolved %s %s %s %q changed %s %s %q %v %v cleared %v moved %t edited %t from %v %+v\n",
			clock(c.OwnTime()), c.Key, c.Event, c.Changelog, clock(c.Created), clock(c.ResolutionDate), c.StatusName, c.StatusCategory, c.Resolution,
			clock(c.StatusCategoryChanged), c.Project, c.Priority, c.IssueLabels, c.Teams, c.Cleared, c.Moved, c.ResolutionChanged, c.Transition, c.References)
	}
	b.WriteString("the oracle's changes\n")
	o := p.oracle()
	o.expected()
	for _, d := range o.deployments {
		for _, c := range d.fresh {
			first, reason := o.firstCommit(d, c)
			fmt.Fprintf(&b, "  %s#%d in %s, %s: %.8s since %s %s\n", d.repository, d.number, d.environment, d.relation, c.name(), clock(first), reason)
		}
	}
	return b.String()
}

// describeChanges prints which changes the exporter counted, with their lead times.
func (x *exporter) describeChanges() string {
	var b strings.Builder
	b.WriteString("the exporter's changes\n")
	for _, f := range x.all() {
		if f.Family == dora.LeadTime || f.Family == dora.LeadTimeUnavailable {
			fmt.Fprintf(&b, "  #%d at %s: %s %s %s\n", f.ID, clock(f.At), f.Subject, time.Duration(f.Value)*time.Millisecond, f.Labels["reason"])
		}
	}
	return b.String()
}
