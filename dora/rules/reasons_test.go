package rules

import (
	"testing"
	"time"

	"dora-exporter/dora"
)

// at returns an hour of the day of the events.
func at(hour int) time.Time { return time.Date(2026, 3, 2, hour, 0, 0, 0, time.UTC) }

// deployed returns a deployment to production that was created at nine, with statuses at later hours.
func deployed(id int64, statuses map[string]int) dora.DeploymentRecord {
	t := dora.DeploymentRecord{Deployment: dora.Deployment{ID: id, CreatedAt: at(9)}, InProduction: true}
	for state, hour := range statuses {
		t.AddOutcome(dora.Outcome{ID: int64(hour), State: state, At: at(hour)})
	}
	return t
}

// A measure has a value or a reason, whatever is missing.
func TestReasons(t *testing.T) {
	const hour = 3_600_000
	done := deployed(1, map[string]int{"success": 11})
	failed := deployed(2, map[string]int{"failure": 10})
	uncreated, tooEarly, staging := done, deployed(3, map[string]int{"success": 8}), done
	uncreated.CreatedAt, staging.InProduction = time.Time{}, false
	incident := func(created, resolved time.Time) dora.Incident {
		return dora.Incident{IsIncident: true, Created: created, IsResolved: !resolved.IsZero(), FirstResolved: resolved}
	}
	value := func(ms int64, reason string) any {
		if reason != "" {
			return reason
		}
		return ms
	}
	for name, test := range map[string]struct{ got, want any }{
		"run time":                          {value(RunTime(done, dora.Success)), int64(2 * hour)},
		"run time to another outcome":       {value(RunTime(done, dora.Failure)), ReasonNoOutcome},
		"run time to a failure":             {value(RunTime(failed, dora.Failure)), int64(hour)},
		"run time without a creation":       {value(RunTime(uncreated, dora.Success)), ReasonNoCreation},
		"run time that is negative":         {value(RunTime(tooEarly, dora.Success)), ReasonBeforeCreation},
		"shipment":                          {ShipmentReason(done), ""},
		"shipment of a failure":             {ShipmentReason(failed), ReasonNoSuccess},
		"shipment of one that runs":         {ShipmentReason(deployed(4, nil)), ReasonNoOutcome},
		"failure in production":             {FailureReason(done), ""},
		"failure elsewhere":                 {FailureReason(staging), ReasonNotProduction},
		"recovery":                          {value(RecoveryTime(dora.FailedChange{RepairedAt: at(14)}, at(11))), int64(3 * hour)},
		"recovery without a repair":         {value(RecoveryTime(dora.FailedChange{}, at(11))), ReasonNotRepaired},
		"recovery that is negative":         {value(RecoveryTime(dora.FailedChange{RepairedAt: at(10)}, at(11))), ReasonRepairBeforeSuccess},
		"incident":                          {value(IncidentRecoveryTime(incident(at(9), at(10)))), int64(hour)},
		"incident that is open":             {value(IncidentRecoveryTime(incident(at(9), time.Time{}))), ReasonNotResolved},
		"incident without a creation":       {value(IncidentRecoveryTime(incident(time.Time{}, at(10)))), ReasonNoCreation},
		"incident resolved before":          {value(IncidentRecoveryTime(incident(at(11), at(10)))), ReasonBeforeCreation},
		"incident at an unknown time":       {value(IncidentRecoveryTime(dora.Incident{IsIncident: true, IsResolved: true, Created: at(9)})), ReasonUnknownResolution},
		"incident of earlier years":         {value(IncidentRecoveryTime(dora.Incident{IsIncident: true, Old: true, IsResolved: true})), ReasonOld},
		"issue that is no incident":         {value(IncidentRecoveryTime(dora.Incident{Created: at(9), FirstResolved: at(10)})), ReasonNotIncident},
		"reference":                         {ReferenceReason(incident(at(12), at(13)), done), ""},
		"reference to a later success":      {ReferenceReason(incident(at(11), at(13)), done), ReasonAfterIncident},
		"reference to a failure":            {ReferenceReason(incident(at(12), at(13)), failed), ReasonNoSuccess},
		"reference to another environment":  {ReferenceReason(incident(at(12), at(13)), staging), ReasonNotProduction},
		"lead time":                         {value(LeadTime(dora.Policy{}, dora.Change{Origin: dora.Origin{FirstCommit: at(8)}}, at(11))), int64(3 * hour)},
		"lead time of an author left out":   {value(LeadTime(dora.Policy{IgnoreAuthors: []string{"bot"}}, dora.Change{Origin: dora.Origin{FirstCommit: at(8), Author: "Bot"}}, at(11))), dora.ReasonIgnoredAuthor},
		"lead time of a later first commit": {value(LeadTime(dora.Policy{}, dora.Change{Origin: dora.Origin{FirstCommit: at(12)}}, at(11))), dora.ReasonImplausible},
	} {
		if test.got != test.want {
			t.Errorf("%s: %v, want %v", name, test.got, test.want)
		}
	}
}

// Of the deployments that an incident names, the newest that succeeded before it is the failed change.
func TestFailedByIncident(t *testing.T) {
	i := dora.Incident{IsIncident: true, Created: at(12), References: []dora.Reference{{Commit: "c0ffee1"}}}
	earlier, newest, later := deployed(1, map[string]int{"success": 10}), deployed(2, map[string]int{"success": 11}), deployed(3, map[string]int{"success": 13})
	for name, test := range map[string]struct {
		incident dora.Incident
		named    []dora.DeploymentRecord
		want     int64
		reason   string
	}{
		"the newest":          {i, []dora.DeploymentRecord{earlier, newest, later}, 2, ""},
		"in any order":        {i, []dora.DeploymentRecord{later, newest, earlier}, 2, ""},
		"none before":         {i, []dora.DeploymentRecord{later}, 0, ReasonNoEarlierDeployment},
		"none known":          {i, nil, 0, ReasonUnknownReference},
		"without a reference": {dora.Incident{IsIncident: true, Created: at(12)}, nil, 0, ReasonNoReference},
	} {
		if failed, reason := FailedByIncident(test.incident, test.named); failed.ID != test.want || reason != test.reason {
			t.Errorf("%s: deployment %d, %q, want %d, %q", name, failed.ID, reason, test.want, test.reason)
		}
	}
}

// A stage of a change says why it is not measured.
func TestStageTimes(t *testing.T) {
	change := func(pull int, first, opened, merged int) dora.Change {
		c := dora.Change{Origin: dora.Origin{PullRequest: pull, FirstCommit: at(first)}}
		if opened > 0 {
			c.Opened = at(opened)
		}
		if merged > 0 {
			c.Merged = at(merged)
		}
		return c
	}
	for name, test := range map[string]struct {
		change dora.Change
		want   [3]string
	}{
		"all":                    {change(1, 1, 2, 3), [3]string{}},
		"no pull request":        {change(0, 1, 2, 3), [3]string{ReasonNoPullRequest, ReasonNoPullRequest, ReasonNoPullRequest}},
		"not merged":             {change(1, 1, 2, 0), [3]string{"", ReasonNoEnd, ReasonNoStart}},
		"opened before a commit": {change(1, 3, 2, 4), [3]string{ReasonNegative, "", ""}},
	} {
		for n, stage := range StageTimes(test.change, at(5)) {
			if stage.Reason != test.want[n] {
				t.Errorf("%s, %s: %q, want %q", name, stage.Stage, stage.Reason, test.want[n])
			}
		}
	}
}
