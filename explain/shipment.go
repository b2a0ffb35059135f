package explain

import (
	"context"
	"strings"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/rules"
)

// Shipment explains what a deployment ships.
type Shipment struct {
	Relation       dora.Relation `json:"relation"`
	Meaning        string        `json:"meaning"`
	Base           string        `json:"base,omitempty"`
	BaseDeployment string        `json:"base_deployment,omitempty"`
	Calls          int           `json:"calls"`
	// Missing are the answers that GitHub failed to give for github.give_up.
	Missing []string        `json:"missing,omitempty"`
	Changes []ShippedChange `json:"changes"`
}

// ShippedChange is a change with its lead time, or why it has none.
type ShippedChange struct {
	Change      string    `json:"change"`
	PullRequest int       `json:"pull_request,omitempty"`
	SHA         string    `json:"sha"`
	Author      string    `json:"author,omitempty"`
	FirstCommit time.Time `json:"first_commit,omitzero"`
	Opened      time.Time `json:"opened,omitzero"`
	Merged      time.Time `json:"merged,omitzero"`
	Reverts     []string  `json:"reverts,omitempty"`
	// LeadTime and the stages are in seconds. LeadTime is nil if there is none, and then NoLeadTime says why.
	LeadTime   *float64           `json:"lead_time,omitempty"`
	Stages     map[string]float64 `json:"stages,omitempty"`
	NoLeadTime string             `json:"no_lead_time,omitempty"`
	// NoStages says why stages of a lead time are missing.
	NoStages string `json:"no_stages,omitempty"`
}

// shipment explains what a deployment ships; nil if that is not known. facts are those about its changes.
func (x *explainer) shipment(ctx context.Context, t dora.DeploymentRecord, facts []dora.Fact) (*Shipment, error) {
	if t.Shipment == nil {
		return nil, nil //nolint:nilnil // not known
	}
	s := &Shipment{
		Relation: t.Shipment.Relation, Meaning: relationWords[t.Shipment.Relation], Base: t.Shipment.Base, Calls: t.Shipment.Calls,
		Missing: t.Shipment.Missing,
		Changes: []ShippedChange{},
	}
	if s.Base != "" {
		before, known, err := x.Runs(ctx).Previous(t.Scope(), t.Moment())
		if err != nil {
			return nil, err
		}
		if known && before.SHA == s.Base {
			s.BaseDeployment = before.DisplayName()
		}
	}
	for _, c := range t.Shipment.Changes {
		change, err := x.change(ctx, t, c, facts)
		if err != nil {
			return nil, err
		}
		s.Changes = append(s.Changes, change)
	}
	return s, nil
}

// notCounted is why a change has no lead time if there is no fact about it.
const notCounted = "not counted yet"

// change explains a change with the facts about it.
func (x *explainer) change(ctx context.Context, t dora.DeploymentRecord, c dora.Change, facts []dora.Fact) (ShippedChange, error) {
	change := ShippedChange{
		Change: c.Name(), PullRequest: c.PullRequest, SHA: c.SHA, Author: c.Author, FirstCommit: c.FirstCommit, Opened: c.Opened,
		Merged: c.Merged, Reverts: c.Reverts, NoLeadTime: notCounted,
	}
	subject := dora.ChangeSubject(t.Scope(), c)
	for _, f := range facts {
		stage, isStage := strings.CutPrefix(f.Subject, dora.StageSubject(subject, ""))
		switch {
		case f.Subject != subject && !isStage:
		case f.ID != t.ID:
			first, err := x.deploymentInScope(ctx, t.Scope(), f.ID)
			change.NoLeadTime = "counted with " + first + ", which shipped it first"
			return change, err
		case f.Family == dora.LeadTime:
			seconds := dora.Milliseconds.Scale(f.Value)
			change.LeadTime, change.NoLeadTime = &seconds, ""
		case f.Family == dora.LeadTimeStage:
			if change.Stages == nil {
				change.Stages = map[string]float64{}
			}
			change.Stages[stage] = dora.Milliseconds.Scale(f.Value)
		case f.Family == dora.LeadTimeUnavailable:
			change.NoLeadTime = Reason(f.Labels["reason"])
			if c.Unavailable != "" { // the label may have the value other, past the limit of series
				change.NoLeadTime = Reason(c.Unavailable)
			}
		}
	}
	if change.LeadTime != nil {
		change.NoStages = missingStages(rules.StageTimes(c, t.Succeeded()))
	}
	return change, nil
}

// stageLimits describe where each stage begins and ends.
var stageLimits = map[string][2]string{
	"coding": {"its first commit", "when it was opened"},
	"review": {"when it was opened", "when it was merged"},
	"deploy": {"when it was merged", "its deployment"},
}

// missingStages says which stages are not measured, and why; empty if all are.
func missingStages(all []rules.StageTime) string {
	var missing []string
	for _, s := range all {
		why := ""
		switch s.Reason {
		case "":
			continue
		case rules.ReasonNoPullRequest:
			return "no stages: it has no pull request"
		case rules.ReasonNoStart:
			why = "GitHub does not say " + stageLimits[s.Stage][0]
		case rules.ReasonNoEnd:
			why = "GitHub does not say " + stageLimits[s.Stage][1]
		case rules.ReasonNegative:
			why = "it would end before it begins"
		}
		missing = append(missing, "no "+s.Stage+": "+why)
	}
	return strings.Join(missing, ", ")
}

func (t *text) shipment(s *Shipment) {
	if s == nil {
		return
	}
	t.section("What it ships")
	base := ""
	if s.Base != "" {
		base = "; compared with " + shortName(s.Base)
		if s.BaseDeployment != "" {
			base += " of " + s.BaseDeployment
		}
	}
	t.line("  %s: %s%s; %s to GitHub", s.Relation, s.Meaning, base, count(int64(s.Calls), "call"))
	for _, missing := range s.Missing {
		t.line("  without an answer of GitHub to %s", missing)
	}
	for _, c := range s.Changes {
		t.change(c)
	}
}

func (t *text) change(c ShippedChange) {
	head := "  change " + shortName(c.Change)
	if c.PullRequest != 0 {
		head += ", merged as " + shortName(c.SHA)
	}
	if c.Author != "" {
		head += ", by " + c.Author
	}
	t.line("%s", head)
	var dates []string
	for _, date := range []struct {
		what string
		at   time.Time
	}{{"first commit", c.FirstCommit}, {"opened", c.Opened}, {"merged", c.Merged}} {
		if !date.at.IsZero() {
			dates = append(dates, date.what+" "+dora.FormatTime(date.at))
		}
	}
	if len(dates) > 0 {
		t.line("    %s", strings.Join(dates, ", "))
	}
	if len(c.Reverts) > 0 {
		t.line("    reverts %s", strings.Join(c.Reverts, ", "))
	}
	if c.LeadTime == nil {
		t.line("    no lead time: %s", c.NoLeadTime)
		return
	}
	lead := "lead time " + formatSeconds(*c.LeadTime)
	for _, stage := range []string{"coding", "review", "deploy"} {
		if v, ok := c.Stages[stage]; ok {
			lead += ", " + stage + " " + formatSeconds(v)
		}
	}
	t.line("    %s", lead)
	if c.NoStages != "" {
		t.line("    %s", c.NoStages)
	}
}
