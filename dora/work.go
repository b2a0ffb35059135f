package dora

import "time"

// Lookup is a pending look-up of a commit's origin.
type Lookup struct {
	Commit Commit
	// Repository is the key of the commit's repository, which may be called by another name than the commit's meanwhile.
	Repository string
	// Due is the time of the next attempt.
	Due time.Time
	// Attempts counts the attempts that failed since the last answer, Misses the answers that the commit does not exist.
	Attempts int
	Misses   int
	// FailingSince is since when the work is failing, a reading of the store's clock: GitHub does not answer a call although it answers
	// others, and has not for some time, or does not let the token see the repository. It is zero if the last attempt failed otherwise.
	FailingSince time.Time
	// FailingCalls are the calls for which they failed that way.
	FailingCalls FailingCalls
	// Inaccessible is true if they fail because GitHub does not let the token see the repository. Such work is never given up.
	Inaccessible bool
}

// WaitingStatus is a status that was counted and waits for its duration.
type WaitingStatus struct {
	// Commit is the commit's key.
	Commit  string
	Subject string
	Labels  Labels
	At      time.Time
	ID      int64
}

// Evaluation is a pending evaluation: of a deployment or incident together with its neighbours, when these have had the time to arrive.
type Evaluation struct {
	// Kind is one of the constants below. Key is the key of the evaluated deployment, incident or scope.
	Kind, Key string
	// Scope is the scope of a deployment; empty for incidents.
	Scope string
	// At and ID order the evaluations of a scope: the time of the event, and the number of the deployment.
	At time.Time
	ID int64
	// Due is the time of the next attempt, Ripe the time by which all neighbours have had the time to arrive.
	Due, Ripe time.Time
	// Attempts and Misses are as in Lookup.
	Attempts, Misses int
	// FailingSince, FailingCalls and Inaccessible are as in Lookup. The evaluation of an incident has FailingSince since nothing but
	// failing evaluations is left that may show what the incident is about.
	FailingSince time.Time
	FailingCalls FailingCalls
	Inaccessible bool
}

// Failing reports whether what needs no answer of GitHub does not wait for the evaluation: answers fail to come, or GitHub does not
// have the deployed commit.
func (e Evaluation) Failing() bool { return !e.FailingSince.IsZero() || e.Misses > 0 }

// Kinds of evaluations.
const (
	DeploymentEvaluation = "deployment" // what a success ships, and its evidence against earlier deployments
	OutcomeEvaluation    = "outcome"    // run times, and a failure after a success
	IncidentEvaluation   = "incident"   // the recovery of an incident, and its evidence against a deployment
	IssueEvaluation      = "issue"      // the recovery of an incident that can't be evidence, so that nothing waits for it
	ScopeEvaluation      = "scope"      // evidence that had to wait for an incident
)
