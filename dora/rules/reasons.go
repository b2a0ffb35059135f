package rules

import (
	"time"

	"dora-exporter/dora"
)

// Each function returns a measure, or the reason why it can't be determined; the reason is empty if there is a value. The rules
// record what these functions return, and explanations print it, so that no explanation repeats a rule.

// Reasons why something is not measured, beside those that are values of a label.
const (
	ReasonNoOutcome           = "no_outcome"            // no status of success, failure or error
	ReasonNoSuccess           = "no_success"            // no status of success
	ReasonNotProduction       = "not_production"        // the environment is not one of production
	ReasonIgnored             = "ignored"               // deployments.tasks or deployments.ignore leave the deployment out
	ReasonPromoted            = "promoted"              // a status promoted the deployment here, and none says when it began to run here
	ReasonNoCreation          = "no_creation"           // the payload has no time of creation
	ReasonBeforeCreation      = "before_creation"       // the end is older than the creation
	ReasonNotRepaired         = "not_repaired"          // nothing has repaired the deployment yet
	ReasonRepairBeforeSuccess = "repair_before_success" // the repair is older than the success
	ReasonNotResolved         = "not_resolved"          // the issue has not been resolved
	ReasonUnknownResolution   = "unknown_resolution"    // no event says when the issue was resolved
	ReasonNotIncident         = "not_incident"          // no event of the issue matches jira.incidents
	ReasonOld                 = "old"                   // the issue was resolved before the store was created
	ReasonNoPullRequest       = "no_pull_request"       // the change has no pull request
	ReasonNoStart             = "no_start"              // the start of a stage is not known
	ReasonNoEnd               = "no_end"                // the end of a stage is not known
	ReasonNegative            = "negative"              // a stage would end before it begins
	ReasonNoReference         = "no_reference"          // the issue names no deployment, commit or pull request
	ReasonUnknownReference    = "unknown_reference"     // no known deployment is, or ships, what the issue names
	ReasonNoEarlierDeployment = "no_earlier_deployment" // no named deployment succeeded in production before the incident
	ReasonNoFailure           = "no_failure"            // no status of failure or error after the success
	ReasonReplaced            = "replaced"              // such a status came when another deployment had succeeded
	ReasonNeverRan            = "never_ran"             // the commit had not run before
	ReasonSameCommit          = "same_commit"           // the commit was running already
	ReasonForward             = "forward"               // the commit first ran after the one that was running
	ReasonRequestedBefore     = "requested_before"      // what a rollback takes back had not succeeded when it was created
	ReasonAfterIncident       = "after_incident"        // the deployment succeeded after the incident was created
)

// ShipmentReason returns why it is not determined what a deployment ships.
func ShipmentReason(t dora.DeploymentRecord) string {
	if t.Ignored != "" {
		return ReasonIgnored
	}
	if len(t.Outcomes) == 0 {
		return ReasonNoOutcome
	}
	if _, ok := t.First(dora.Success); !ok {
		return ReasonNoSuccess
	}
	return ""
}

// FailureReason returns why it is not determined whether a deployment is a failed change.
func FailureReason(t dora.DeploymentRecord) string {
	if !t.InProduction {
		return ReasonNotProduction
	}
	return ""
}

// RunStart returns when a deployment began to run: its first in_progress, or its creation if there is none before the outcome.
// So the days in which it waits for an approval don't count. It is zero if neither is known, and without an in_progress in the
// environment that a status promoted it to.
func RunStart(t dora.DeploymentRecord, first dora.Outcome) time.Time {
	switch {
	case !t.Started.IsZero() && !t.Started.After(first.At):
		return t.Started
	case t.Promoted:
		return time.Time{}
	}
	return t.CreatedAt
}

// RunTime returns how many milliseconds passed from the start of a deployment to its first status of an outcome.
func RunTime(t dora.DeploymentRecord, of string) (ms int64, reason string) {
	first, ok := t.First(of)
	switch {
	case !ok:
		return 0, ReasonNoOutcome
	case RunStart(t, first).IsZero() && t.Promoted:
		return 0, ReasonPromoted
	case RunStart(t, first).IsZero():
		return 0, ReasonNoCreation
	}
	return between(RunStart(t, first), first.At, ReasonBeforeCreation)
}

// RecoveryTime returns how many milliseconds passed from the success of a deployment that is a failed change to its repair.
func RecoveryTime(f dora.FailedChange, success time.Time) (ms int64, reason string) {
	if f.RepairedAt.IsZero() {
		return 0, ReasonNotRepaired
	}
	return between(success, f.RepairedAt, ReasonRepairBeforeSuccess)
}

// IncidentRecoveryTime returns how many milliseconds passed from the creation of an incident to its first resolution.
func IncidentRecoveryTime(i dora.Incident) (ms int64, reason string) {
	return incidentTime(i, i.FirstResolved)
}

// timeToResolve returns how many milliseconds passed from the creation of an incident to its newest resolution.
func timeToResolve(i dora.Incident) (ms int64, reason string) { return incidentTime(i, i.Resolved) }

func incidentTime(i dora.Incident, resolved time.Time) (ms int64, reason string) {
	switch {
	case !i.IsIncident:
		return 0, ReasonNotIncident
	case i.Old:
		return 0, ReasonOld
	case !i.IsResolved:
		return 0, ReasonNotResolved
	case resolved.IsZero():
		return 0, ReasonUnknownResolution
	case i.Created.IsZero():
		return 0, ReasonNoCreation
	}
	return between(i.Created, resolved, ReasonBeforeCreation)
}

// between returns the milliseconds from one time to another, or negative if they would be less than 0.
func between(from, to time.Time, negative string) (ms int64, reason string) {
	ms = to.UnixMilli() - from.UnixMilli()
	if ms < 0 {
		return 0, negative
	}
	return ms, ""
}

// LeadTime returns how many milliseconds passed from the first commit of a change to a deployment's success.
func LeadTime(p dora.Policy, c dora.Change, done time.Time) (ms int64, reason string) {
	if p.IgnoresAuthor(c.Author) {
		return 0, dora.ReasonIgnoredAuthor
	}
	return c.Until(done)
}

// StageTime is a part of a change's lead time.
type StageTime struct {
	// Stage is coding, review or deploy.
	Stage    string
	From, To time.Time
	// Reason is why the stage is not measured; empty if it is.
	Reason string
}

// StageTimes returns the stages of a change whose deployment succeeded at a time, in their order.
func StageTimes(c dora.Change, done time.Time) []StageTime {
	limits := []time.Time{c.FirstCommit, c.Opened, c.Merged, done}
	all := make([]StageTime, len(stages))
	for i, stage := range stages {
		s := StageTime{Stage: stage, From: limits[i], To: limits[i+1]}
		switch {
		case c.PullRequest == 0:
			s.Reason = ReasonNoPullRequest
		case s.From.IsZero():
			s.Reason = ReasonNoStart
		case s.To.IsZero():
			s.Reason = ReasonNoEnd
		default:
			_, s.Reason = between(s.From, s.To, ReasonNegative)
		}
		all[i] = s
	}
	return all
}

// ReferenceReason returns why a deployment that an incident names can't be a failed change because of it. If several have no such
// reason, the newest of them is the failed change.
func ReferenceReason(i dora.Incident, t dora.DeploymentRecord) string {
	switch {
	case t.Ignored != "":
		return ReasonIgnored
	case t.Succeeded().IsZero():
		return ReasonNoSuccess
	case !t.InProduction:
		return ReasonNotProduction
	case !t.Succeeded().Before(i.Created):
		return ReasonAfterIncident
	}
	return ""
}

// FailedByIncident returns which of the deployments that an incident names is a failed change because of it.
func FailedByIncident(i dora.Incident, named []dora.DeploymentRecord) (failed dora.DeploymentRecord, reason string) {
	switch {
	case len(i.References) == 0:
		return failed, ReasonNoReference
	case len(named) == 0:
		return failed, ReasonUnknownReference
	}
	for _, t := range named {
		if ReferenceReason(i, t) == "" && (failed.ID == 0 || failed.Moment().Before(t.Moment())) {
			failed = t
		}
	}
	if failed.ID == 0 {
		return failed, ReasonNoEarlierDeployment
	}
	return failed, ""
}
