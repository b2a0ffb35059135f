package pipeline_test

import (
	"fmt"
	"slices"
	"time"

	"dora-exporter/dora"
)

// incident adds the events of an issue.
func (p *history) incident(number int) {
	created := p.IntN(40)
	at := created
	c := dora.IncidentChange{
		Event: "jira:issue_created", Host: "jira.example.com", ID: fmt.Sprint(number), Key: fmt.Sprintf("INC-%d", number), Created: minute(created),
		Project: pick(p, "INC", "OPS"), Priority: pick(p, "High", "Low", ""), StatusCategory: "new",
	}
	seen := p.chance(90)
	for range 1 + p.IntN(6) {
		c.Timestamp = minute(at)
		if p.chance(50) {
			c.References = append(slices.Clone(c.References), p.reference())
		}
		if p.chance(30) {
			c.IssueLabels = append(slices.Clone(c.IssueLabels), pick(p, "outage", "customer"))
		}
		if seen {
			event := c
			p.incidents = append(p.incidents, &event)
		}
		seen = true
		if c.Event == "jira:issue_deleted" {
			break
		}
		at += 1 + p.IntN(9)
		c.Event, c.Edit = "jira:issue_updated", false
		switch p.IntN(8) {
		case 0, 1:
			c.StatusCategory, c.ResolutionDate = "done", minute(at)
		case 2:
			c.StatusCategory, c.StatusCategoryChanged = "done", minute(at-1)
		case 3:
			c.StatusCategory, c.ResolutionDate, c.StatusCategoryChanged = "new", time.Time{}, time.Time{}
		case 4:
			c.Project = pick(p, "INC", "OPS")
		case 5:
			c.Priority = pick(p, "High", "Low")
		case 6:
			c.Edit = true
		case 7:
			if p.chance(50) {
				c.Event = "jira:issue_deleted"
			}
		}
	}
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
