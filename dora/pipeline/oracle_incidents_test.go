package pipeline_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"dora-exporter/dora"
)

// resolvedBy returns when an event says that its issue was resolved; zero if it is open.
func resolvedBy(e *dora.IncidentChange) time.Time {
	switch {
	case e.Event == "jira:issue_deleted":
	case !e.ResolutionDate.IsZero():
		return e.ResolutionDate
	case e.StatusCategory == "done" && !e.StatusCategoryChanged.IsZero():
		return e.StatusCategoryChanged
	case e.StatusCategory == "done" && !e.Edit:
		return e.Timestamp
	}
	return time.Time{}
}

// resolution returns when an issue was first resolved; zero if it never was.
func (o *oracle) resolution(id string) (first time.Time) {
	for _, e := range o.issues[id] {
		if at := resolvedBy(e); !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

func (o *oracle) issue(id string) {
	events := o.issues[id]
	matches := func(list []string, names ...string) bool {
		return len(list) == 0 || slices.ContainsFunc(names, func(n string) bool { return slices.Contains(list, n) })
	}
	f := o.policy.Incidents
	if !slices.ContainsFunc(events, func(e *dora.IncidentChange) bool {
		return matches(f.Types, e.Type) && matches(f.Labels, e.IssueLabels...) && matches(f.Priorities, e.Priority) && matches(f.Statuses, e.StatusName)
	}) {
		return
	}
	say := func(family string, e *dora.IncidentChange, value int64) {
		o.add(family, value, "project", e.Project, "priority", cmp.Or(e.Priority, "Unknown"), "team", o.teams[e.Project])
	}
	newest, opening := events[len(events)-1], events[0]
	for _, e := range events {
		if e.Event == "jira:issue_created" {
			opening = e
		}
	}
	say("dora_incidents_opened_total", opening, 1)
	if newest.Event != "jira:issue_deleted" && newest.ResolutionDate.IsZero() && newest.StatusCategory != "done" {
		say("dora_incidents_open", newest, 1)
	}
	if end := o.resolution(id); !end.IsZero() && !end.Before(newest.Created) {
		say("dora_incident_recovery_seconds", newest, end.Sub(newest.Created).Milliseconds())
	}
	var refs []dora.Reference
	for _, e := range events {
		refs = append(refs, e.References...)
	}
	newer := func(a, b run) bool {
		return b.oracleDeployment == nil || cmp.Or(a.at.Compare(b.at), cmp.Compare(a.number, b.number)) > 0
	}
	var named, team run
	for _, d := range o.deployments {
		if !d.production || d.done.IsZero() {
			continue
		}
		if d.done.Before(newest.Created) && slices.ContainsFunc(refs, func(r dora.Reference) bool { return o.names(r, d) }) && newer(run{d.done, d}, named) {
			named = run{d.done, d}
		}
		for _, r := range o.runs(d.scope) {
			if r.at.Before(newest.Created) && o.teams[r.repository] == o.teams[newest.Project] && newer(r, team) {
				team = r
			}
		}
	}
	switch {
	case named.oracleDeployment != nil:
		o.evidence = append(o.evidence, &observation{bad: named.oracleDeployment, cause: "incident", at: newest.Created, issue: id, tie: id})
	case team.oracleDeployment != nil && o.policy.IncidentWindow > 0 && newest.Created.Sub(team.at) <= o.policy.IncidentWindow:
		o.evidence = append(o.evidence, &observation{bad: team.oracleDeployment, cause: "window", at: newest.Created, issue: id, tie: id})
	}
}

// names reports whether a reference names a deployment, its commit, something that it ships, or what brought that.
func (o *oracle) names(r dora.Reference, d *oracleDeployment) bool {
	if r.Repository != "" && (r.Owner != "acme" || o.repositoryNamed(r.Repository) != o.repository(d.statuses[0])) {
		return false
	}
	pull := fmt.Sprint("#", r.PullRequest)
	return r.Deployment != 0 && r.Deployment == d.number || r.Commit != "" && strings.HasPrefix(d.sha, r.Commit) ||
		slices.ContainsFunc(d.changes, func(c *oracleChange) bool { return means(pull, c) || r.Commit != "" && means(r.Commit, c) }) ||
		slices.ContainsFunc(d.carriers, func(p *graphPull) bool { return meansCarrier(pull, p) || r.Commit != "" && meansCarrier(r.Commit, p) })
}
