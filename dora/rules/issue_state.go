package rules

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"dora-exporter/dora"
)

// issueState is an issue after some of its events.
type issueState struct {
	name, project, issueType, priority, resolution string
	labels, teams, componentTeams                  []string
	projectTeam                                    string
	statusID, status, category                     string
	resolutionDate                                 time.Time
}

// apply changes the state to that after another event. What the event does not have stays as it is.
func (s *issueState) apply(e dora.IncidentEvent) {
	cleared := func(field string) bool { return slices.Contains(e.Cleared, field) }
	text := func(to *string, value, field string) {
		if value != "" || cleared(field) {
			*to = value
		}
	}
	list := func(to *[]string, value []string, field string) {
		if len(value) > 0 || cleared(field) {
			*to = value
		}
	}
	text(&s.name, e.Key, "")
	text(&s.project, e.Project, "")
	text(&s.issueType, e.Type, "")
	text(&s.priority, e.Priority, dora.FieldPriority)
	text(&s.resolution, e.Resolution, dora.FieldResolution)
	list(&s.labels, e.IssueLabels, dora.FieldLabels)
	list(&s.teams, e.Teams, dora.FieldTeams)
	if len(e.Components) > 0 || cleared(dora.FieldComponents) {
		s.componentTeams = e.ComponentTeams
	}
	text(&s.projectTeam, e.ProjectTeam, "")
	if e.StatusName != "" || e.StatusID != "" || e.StatusCategory != "" {
		s.statusID, s.status, s.category = e.StatusID, e.StatusName, e.StatusCategory
	}
	if !e.ResolutionDate.IsZero() || cleared(dora.FieldResolutionDate) {
		s.resolutionDate = e.ResolutionDate
	}
}

// owners returns the teams of the issue, at least one.
func (s issueState) owners() []string {
	switch {
	case len(s.teams) > 0:
		return s.teams
	case len(s.componentTeams) > 0:
		return s.componentTeams
	}
	return []string{cmp.Or(s.projectTeam, dora.Unknown)}
}

// openingState returns the state of an issue at its creation, else at its first event, and the time of that event. What the events up
// to it don't have is taken from the next one that has it. Deletions don't count: there is another event.
func openingState(events []dora.IncidentEvent) (s issueState, at time.Time) {
	events = withoutDeletions(events)
	first := max(0, slices.IndexFunc(events, func(e dora.IncidentEvent) bool { return e.Event == dora.IssueCreated }))
	return stateAfter(events, first), events[first].At
}

// priorityAt returns the priority of an issue after the event that a delivery brought, else that of the next event that has one.
func priorityAt(events []dora.IncidentEvent, arrival int64) string {
	events = withoutDeletions(events)
	event := slices.IndexFunc(events, func(e dora.IncidentEvent) bool { return e.Arrival == arrival })
	return stateAfter(events, max(0, event)).priority
}

func withoutDeletions(events []dora.IncidentEvent) []dora.IncidentEvent {
	return slices.DeleteFunc(slices.Clone(events), func(e dora.IncidentEvent) bool { return e.Event == dora.IssueDeleted })
}

// stateAfter returns the state after an event, with what the events up to it don't have from the next one that has it.
func stateAfter(events []dora.IncidentEvent, event int) (s issueState) {
	for _, e := range slices.Backward(events[event+1:]) {
		s.apply(e)
	}
	for _, e := range events[:event+1] {
		s.apply(e)
	}
	return s
}

// categories has the categories of statuses by id and by name, as far as the events of an issue show them.
type categories map[string]string

// systemCategories are those of Jira's own statuses.
// https://confluence.atlassian.com/adminjiraserver/defining-status-field-values-938847108.html
var systemCategories = categories{
	"id:1": "new", "id:3": "indeterminate", "id:4": "new", "id:5": done, "id:6": done,
	"open": "new", "to do": "new", "reopened": "new", "in progress": "indeterminate", "resolved": done, "closed": done, "done": done,
}

const done = "done"

func newCategories(events []dora.IncidentEvent) categories {
	c := categories{}
	for _, e := range events {
		if e.StatusCategory != "" {
			c["id:"+e.StatusID], c[strings.ToLower(e.StatusName)] = e.StatusCategory, e.StatusCategory
		}
	}
	return c
}

// of returns the category that a status has in some event; empty if no event shows it.
func (c categories) of(id, name string) string {
	if id != "" && c["id:"+id] != "" {
		return c["id:"+id]
	}
	if name == "" {
		return ""
	}
	return c[strings.ToLower(name)]
}
