package pipeline_test

import (
	"cmp"
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
	newer := func(a, b *oracleDeployment) bool {
		return b == nil || cmp.Or(a.done.Compare(b.done), cmp.Compare(a.ID, b.ID)) > 0
	}
	var named, team *oracleDeployment
	var teamSince time.Time
	for _, d := range o.deployments {
		if !d.production || d.done.IsZero() || !d.done.Before(newest.Created) {
			continue
		}
		if slices.ContainsFunc(refs, func(r dora.Reference) bool { return o.names(r, d) }) && newer(d, named) {
			named = d
		}
	}
	for _, all := range o.scopes {
		for _, r := range timeline(all) {
			d := r.d
			if d.production && r.at.Before(newest.Created) && o.teams[d.Repository] == o.teams[newest.Project] &&
				(team == nil || cmp.Or(r.at.Compare(teamSince), cmp.Compare(d.ID, team.ID)) > 0) {
				team, teamSince = d, r.at
			}
		}
	}
	switch {
	case named != nil:
		o.evidence = append(o.evidence, &observation{bad: named, cause: "incident", at: newest.Created, issue: id, tie: id})
	case team != nil && o.policy.IncidentWindow > 0 && newest.Created.Sub(teamSince) <= o.policy.IncidentWindow:
		o.evidence = append(o.evidence, &observation{bad: team, cause: "window", at: newest.Created, issue: id, tie: id})
	}
}

// names reports whether a reference names a deployment, its commit, or something that it ships.
func (o *oracle) names(r dora.Reference, d *oracleDeployment) bool {
	if r.Repository != "" && (o.homes[r.Repository] != o.homes[d.Repository] || r.Owner != d.Owner) {
		return false
	}
	return r.Deployment != 0 && r.Deployment == d.ID || r.Commit != "" && strings.HasPrefix(d.SHA, r.Commit) ||
		slices.ContainsFunc(d.changes, func(c dora.Change) bool {
			return r.PullRequest != 0 && int64(c.PullRequest) == r.PullRequest || r.Commit != "" && means(r.Commit, c)
		})
}
