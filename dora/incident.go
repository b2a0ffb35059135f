package dora

import "time"

// Incident is what the rules remember of an issue.
type Incident struct {
	// Key is the IssueKey.
	Key string
	// Labels are the labels of jira_incidents under which it was counted; nil before.
	Labels Labels
	// Created is when it was created and Resolved its newest resolution; zero while no event has said so.
	Created  time.Time
	Resolved time.Time
	// Name is what people call it, such as INC-7.
	Name string
	// IsIncident is true once an event has matched jira.incidents, even if later events don't.
	IsIncident bool
	// Earliest and Newest are its first and last events by their own times, EarliestTeam and Team the teams of their projects.
	Earliest, Newest   IncidentChange
	EarliestTeam, Team string
	// Open are the labels under which it is counted as open; nil while it is not. OpenFacts is how many facts that took.
	Open      Labels
	OpenFacts int
	// Late is true if one of its events arrived after deployments that follow it had been evaluated.
	Late bool
	// FirstResolved is its earliest resolution; zero if it has not been resolved.
	FirstResolved time.Time
	// References are the references of all its events.
	References []Reference
	// Counted is how much of Resolved - Created is in the sum already, in milliseconds.
	Counted int64
}
