package pipeline_test

import (
	"fmt"
	"slices"
	"time"

	"dora-exporter/dora"
)

// jiraStatus is a status of the workflow of these tests.
type jiraStatus struct{ id, name, category string }

var workflow = []jiraStatus{
	{"1", "Open", "new"}, {"3", "In Progress", "indeterminate"}, {"4", "Mitigated", "new"}, {"6", "Closed", "done"}, {"10001", "Done", "done"},
}

// simulatedIssue is an issue as Jira has it, with the workflow of its project.
type simulatedIssue struct {
	*history

	c      dora.IncidentChange
	status jiraStatus
	// setsResolution is true if closing sets the resolution, keepsResolution if reopening leaves it, isCloud if statuscategorychangedate
	// is sent.
	setsResolution, keepsResolution, isCloud bool
	changelog                                int
}

// incident adds the events of an issue: those that reach the exporter.
func (p *history) incident(number int) {
	created := p.IntN(40)
	i := simulatedIssue{
		history: p, status: workflow[0], setsResolution: p.chance(60), keepsResolution: p.chance(40), isCloud: p.chance(30), changelog: 10 * number,
		c: dora.IncidentChange{
			Host: "jira.example.com", ID: fmt.Sprint(number), Key: fmt.Sprintf("INC-%d", number), Created: minute(created),
			Project: pick(p, "INC", "OPS"), Priority: pick(p, "High", "Low", ""), StatusCategoryChanged: minute(created),
		},
	}
	i.c.Event = dora.IssueCreated
	if p.chance(30) {
		i.c.Teams = []string{pick(p, "A", "C")}
	}
	at := created
	for range 1 + p.IntN(9) {
		i.c.Timestamp = minute(at)
		if p.chance(50) {
			i.c.References = append(slices.Clone(i.c.References), p.reference())
		}
		if p.chance(85) {
			p.incidents = append(p.incidents, i.event())
			i.sendAgain(p.incidents[len(p.incidents)-1])
		}
		if i.c.Event == dora.IssueDeleted {
			return
		}
		at += 1 + p.IntN(8)
		i.c.Event, i.c.Transition, i.c.ResolutionChanged, i.c.Moved = "jira:issue_updated", nil, false, false
		i.changelog++
		i.c.Changelog = fmt.Sprint(i.changelog)
		i.change(minute(at))
	}
}

// sendAgain perhaps sends the same change through a second hook, with a later time.
func (i *simulatedIssue) sendAgain(first *dora.IncidentChange) {
	if first.Changelog == "" || !i.chance(15) {
		return
	}
	again, later := *first, time.Duration(1+i.IntN(9))*time.Minute
	if again.Timestamp.IsZero() {
		again.Updated = again.Updated.Add(later)
	} else {
		again.Timestamp = again.Timestamp.Add(later)
	}
	i.incidents = append(i.incidents, &again)
}

// change changes the issue at a time.
func (i *simulatedIssue) change(at time.Time) {
	switch i.IntN(14) {
	case 4:
		i.c.Project, i.c.Moved = pick(i.history, "INC", "OPS"), true
	case 5:
		i.c.Priority = pick(i.history, "High", "Low", "")
	case 6:
		i.c.IssueLabels = pick(i.history, nil, []string{"outage"}, []string{"customer", "Outage"})
	case 7:
		i.c.Changelog = "" // a comment
	case 8:
		if i.status.category == "done" {
			i.c.Resolution, i.c.ResolutionDate, i.c.ResolutionChanged = pick(i.history, "Fixed", "Duplicate"), at, true
		}
	case 9:
		switch i.IntN(3) {
		case 0:
			i.c.Event, i.c.Changelog = dora.IssueDeleted, ""
		case 1:
			i.c.Teams = pick(i.history, nil, []string{"A", "B"}, []string{"C"})
		}
	default:
		i.transition(pick(i.history, workflow...), at)
	}
}

// transition moves the issue to another status.
func (i *simulatedIssue) transition(to jiraStatus, at time.Time) {
	from := i.status
	if from.category == "done" && i.chance(50) {
		to = workflow[0]
	}
	i.status, i.c.Transition = to, &dora.Transition{FromID: from.id, From: from.name}
	if from.category != to.category {
		i.c.StatusCategoryChanged = at
	}
	switch {
	case to.category == "done" && i.setsResolution && (from.category != "done" || i.chance(30)):
		if i.keepsResolution && i.c.Resolution != "" {
			return // the transition only sets what is empty
		}
		i.c.Resolution, i.c.ResolutionDate, i.c.ResolutionChanged = pick(i.history, "Fixed", "Fixed", "Duplicate"), at, true
	case to.category != "done" && !i.keepsResolution:
		i.c.ResolutionChanged = i.c.Resolution != ""
		i.c.Resolution, i.c.ResolutionDate = "", time.Time{}
	}
}

// event returns what is sent of the last change: perhaps as a body without webhookEvent, perhaps without some of the fields.
func (i *simulatedIssue) event() *dora.IncidentChange {
	c := i.c
	c.StatusName, c.StatusID, c.StatusCategory = i.status.name, i.status.id, i.status.category
	if !i.isCloud {
		c.StatusCategoryChanged = time.Time{}
	}
	if i.chance(20) && c.Event != dora.IssueDeleted {
		c.Event, c.Changelog, c.Transition, c.ResolutionChanged, c.Moved = dora.IssueBody, "", nil, false, false
	}
	if i.chance(20) {
		c.Timestamp, c.Updated = time.Time{}, c.Timestamp
	}
	for field, isEmpty := range map[string]bool{
		dora.FieldPriority: c.Priority == "", dora.FieldLabels: len(c.IssueLabels) == 0, dora.FieldTeams: len(c.Teams) == 0,
		dora.FieldResolution: c.Resolution == "", dora.FieldResolutionDate: c.ResolutionDate.IsZero(),
	} {
		if isEmpty {
			c.Cleared = append(c.Cleared, field)
		}
	}
	slices.Sort(c.Cleared)
	if i.chance(15) {
		i.leaveOut(&c)
	}
	return &c
}

// leaveOut removes a field from an event.
func (i *simulatedIssue) leaveOut(c *dora.IncidentChange) {
	field := ""
	switch i.IntN(6) {
	case 0:
		c.Priority, field = "", dora.FieldPriority
	case 1:
		c.IssueLabels, field = nil, dora.FieldLabels
	case 2:
		c.Teams, field = nil, dora.FieldTeams
	case 3:
		c.ResolutionDate, field = time.Time{}, dora.FieldResolutionDate
	case 4:
		c.StatusCategory = ""
	case 5:
		c.Created = time.Time{}
	}
	c.Cleared = slices.DeleteFunc(c.Cleared, func(f string) bool { return f == field })
}

// reference makes a reference to a deployment, pull request or commit, with or without its repository.
func (p *history) reference() dora.Reference {
	g := pick(p, p.graphs...)
	r := dora.Reference{Owner: "acme", Repository: g.name}
	if g.formerName != "" && p.chance(50) {
		r.Repository = g.formerName
	}
	kind := p.IntN(6)
	if p.plain {
		kind = 0
	}
	switch kind {
	case 0, 1:
		r.Deployment = 101 + p.Int64N(p.numbers+1)
	case 2:
		r.PullRequest = int64(1 + p.IntN(g.numbers+1))
	case 3:
		r.Commit = pick(p, g.order...)
	case 4:
		r = dora.Reference{Commit: pick(p, g.order...)[:9]} // a SHA without its repository
	case 5:
		r.Deployment = 101 + p.Int64N(p.numbers+1)
		r.PullRequest = r.Deployment
	}
	return r
}
