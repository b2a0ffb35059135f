package dora

import "time"

// Incident is an issue as the rules remember it.
type Incident struct {
	// Key is the IssueKey.
	Key string
	// Name is what people call it, such as INC-7. Project, Priority and Teams are those of its newest events.
	Name              string
	Project, Priority string
	Teams             []string
	// IsIncident is true once the issue has matched jira.incidents, even if it no longer does.
	IsIncident bool
	// Old is true if the issue was resolved before the store was created and has only been edited since: it is not counted.
	Old bool
	// Created is when it was created; zero if no event says so.
	Created time.Time
	// IsResolved is true once it has been resolved. FirstResolved and Resolved are its first and its newest resolution; zero if the
	// time is unknown.
	IsResolved              bool
	FirstResolved, Resolved time.Time
	// Counted are the labels of jira_incidents under which it was counted, one for each team; nil before. CountedMillis is how much
	// of Resolved - Created is in each sum, SumFacts how many facts that took.
	Counted       []Labels
	CountedMillis int64
	SumFacts      int
	// Open are the labels under which it is counted as open, one for each team; nil while it is not. OpenFacts is how many facts
	// that took.
	Open      []Labels
	OpenFacts int
	// History is true if a backfill brought it before anything of it counted: what happened before the store was created counts in
	// History.
	History bool `json:",omitzero"`
	// Late is true if one of its events arrived after deployments that follow it had been evaluated.
	Late bool
	// References are the references of all its events.
	References []Reference
	// Events are its events in the order of their times. Only IncidentTx returns them.
	Events []IncidentEvent `json:"-"`
}

// IncidentEvent is an event of an issue as the rules remember it: without the site, the id and the references.
type IncidentEvent struct {
	IncidentChange

	// At is the event's own time, else that of its arrival. Arrival is the number of its delivery.
	At      time.Time `json:"at"`
	Arrival int64     `json:"arrival"`
	// ProjectTeam is the team that owns the project; empty if the issue names its teams itself.
	ProjectTeam string `json:"project_team,omitempty"`
}

// IsCounted reports whether the issue is an incident that counts.
func (i Incident) IsCounted() bool { return i.IsIncident && !i.Old }
