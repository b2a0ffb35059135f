package explain

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"dora-exporter/dora"
)

// Fact is a fact in published units, with a description.
type Fact struct {
	Position int64       `json:"position"`
	Family   string      `json:"family"`
	Labels   dora.Labels `json:"labels"`
	Value    float64     `json:"value"`
	At       time.Time   `json:"at"`
	Subject  string      `json:"subject"`
	About    string      `json:"about"`
}

func (x *explainer) facts(ctx context.Context, facts []dora.Fact) ([]Fact, error) {
	all, families := []Fact{}, dora.FamiliesByName()
	for _, f := range facts {
		about, err := x.describe(ctx, f)
		if err != nil {
			return nil, err
		}
		all = append(all, Fact{f.Position, f.Family, f.Labels, families[f.Family].Unit.Scale(f.Value), f.At, f.Subject, about})
	}
	return all, nil
}

// describe says what a fact is about.
func (x *explainer) describe(ctx context.Context, f dora.Fact) (string, error) {
	kind, key, detail := dora.CutSubject(f.Subject)
	switch kind {
	case dora.SubjectZero:
		return "the series starts at 0, before anything is counted", nil
	case dora.SubjectStatus:
		return x.describeStatus(ctx, key)
	case dora.SubjectDeployment:
		name, err := x.deploymentName(ctx, key)
		return name + ", " + cmp.Or(detail, "outcome"), err
	case dora.SubjectChange:
		return x.describeChange(ctx, key, detail, f)
	case dora.SubjectFailure, dora.SubjectRecovery:
		return x.describeMark(ctx, kind, key)
	case dora.SubjectRework:
		name, err := x.deploymentName(ctx, key)
		return name + " repaired another deployment", err
	case dora.SubjectIncident:
		return x.describeIncident(ctx, f, key, detail)
	}
	return f.Subject, nil
}

func (x *explainer) describeStatus(ctx context.Context, key string) (string, error) {
	d, known, err := x.DeliveryOf(ctx, dora.StatusDeliveryKeyOf(key))
	if err != nil || !known || d.Event.Status == nil {
		return "status " + key, err
	}
	status := d.Event.Status
	return fmt.Sprintf("%s, status %s (%d)", status.Deployment.DisplayName(), status.State, status.ID), nil
}

func (x *explainer) describeChange(ctx context.Context, key, detail string, f dora.Fact) (string, error) {
	scope, name := dora.SplitKey(key)
	if scope == "" {
		return f.Subject, nil
	}
	by, err := x.deploymentInScope(ctx, scope, f.ID)
	what := "change "
	if stage, ok := dora.StageOf(detail); ok {
		what = stage + " of change "
	}
	return what + shortName(name) + ", shipped by " + by, err
}

func (x *explainer) describeMark(ctx context.Context, kind, key string) (string, error) {
	deployment, err := x.deploymentName(ctx, key)
	if err != nil {
		return "", err
	}
	m, known, err := x.FailedChangeOf(ctx, key)
	if err != nil || !known {
		return deployment + ", " + kind, err
	}
	if kind == dora.SubjectFailure {
		return deployment + " is a failed change: " + m.Detail, nil
	}
	by, err := x.evidenceName(ctx, m.Cause, m.RepairedBy)
	return deployment + " was repaired by " + by, err
}

func (x *explainer) describeIncident(ctx context.Context, f dora.Fact, key, detail string) (string, error) {
	name, err := x.incidentName(ctx, key)
	if err != nil {
		return "", err
	}
	switch {
	case f.Family == dora.IncidentsOpened:
		return name + " was opened", nil
	case f.Family == dora.IncidentsOpen && f.Value > 0:
		return name + " is open", nil
	case f.Family == dora.IncidentsOpen:
		return name + " is no longer open under these labels", nil
	case f.Family == dora.IncidentRecovery:
		return name + ", from its creation to its first resolution", nil
	case f.Family == dora.IncidentRecoveryUnavailable, f.Family == dora.IncidentsDurationUnavailable:
		return name + ": " + Reason(f.Labels["reason"]), nil
	case f.Family == dora.IncidentsDurationSum && detail != "":
		return name + ", from its creation to its resolution, without what was counted before", nil
	}
	return name + " was resolved", nil
}

func hasFact(facts []dora.Fact, family, subject string) bool {
	return slices.ContainsFunc(facts, func(f dora.Fact) bool { return f.Family == family && f.Subject == subject })
}
