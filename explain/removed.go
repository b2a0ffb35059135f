package explain

import (
	"context"
	"time"

	"dora-exporter/dora"
)

// FoldedValue is the part of a value whose facts storage.retention has removed. Of a Last family, it is the newest of these facts.
type FoldedValue struct {
	Value float64 `json:"value"`
	Count *int64  `json:"count,omitempty"`
	// Before is the time before which the removed events arrived.
	Before time.Time `json:"before"`
}

// folded returns the part of a series whose facts were removed; nil if none were.
func (x *explainer) folded(ctx context.Context, f dora.Family, h dora.SeriesHistory) (*FoldedValue, error) {
	if h.Folded.Labels == nil {
		return nil, nil
	}
	removal, err := x.Removal(ctx)
	v := &FoldedValue{Value: f.Unit.Scale(h.Folded.Own), Before: removal.Before}
	if f.Kind == dora.Histogram {
		_, n := h.Folded.Counts(f)
		v.Count = &n
	}
	return v, err
}

// writeFolded writes the part of a value whose facts were removed.
func (e *MetricExplanation) writeFolded(t *text, v *FoldedValue) {
	const removed = "that arrived before %s, whose facts storage.retention has removed"
	at := dora.FormatTime(v.Before)
	switch {
	case e.family.Kind == dora.Last:
		t.line("  %s at least from events "+removed, formatValue(e.family, v.Value), at)
	case v.Count != nil:
		t.line("  %s, total %s, from events "+removed, count(*v.Count, "observation"), formatValue(e.family, v.Value), at)
	default:
		t.line("  %s from events "+removed, formatValue(e.family, v.Value), at)
	}
}

// removedDeployment returns an error that says that a deployment was removed; nil if none of that name is known to have been.
func (x *explainer) removedDeployment(ctx context.Context, name, owner, repository string, id int64) error {
	keys, err := x.RemovedDeployments(ctx, owner, repository, id)
	if err != nil || len(keys) == 0 {
		return err
	}
	for _, key := range keys {
		counted, err := x.hadOutcome(ctx, key)
		if err != nil {
			return err
		}
		if counted {
			return x.removedError(ctx, "deployment "+name, "it was counted")
		}
	}
	return x.removedError(ctx, "deployment "+name, "it counted in no dora_* family")
}

// hadOutcome reports whether an outcome of a deployment was counted whose facts have been removed.
func (x *explainer) hadOutcome(ctx context.Context, deployment string) (bool, error) {
	for _, outcome := range []string{dora.Success, dora.Failure} {
		if counted, err := x.IsFactRemoved(ctx, dora.Deployments, dora.OutcomeSubject(deployment, outcome)); err != nil || counted {
			return counted, err
		}
	}
	return false, nil
}

// removedIncident returns an error that says that an issue was removed; nil if none of that name is known to have been.
func (x *explainer) removedIncident(ctx context.Context, name string) error {
	removed, counted, err := x.RemovedIssue(ctx, name)
	switch {
	case err != nil || !removed:
		return err
	case counted:
		return x.removedError(ctx, "issue "+name, "it was counted")
	}
	return x.removedError(ctx, "issue "+name, "it counted in no dora_* family")
}

// removedError returns an error that says that a deployment or issue was removed, and what is known of it.
func (x *explainer) removedError(ctx context.Context, name, known string) error {
	removal, err := x.Removal(ctx)
	if err != nil {
		return err
	}
	return notFoundf("the %s was removed by storage.retention: nothing is known of it but that %s. The history is complete for events that arrived after %s",
		name, known, dora.FormatTime(removal.Before))
}

// sayRemoved says in the explanation of a deployment that it or the facts about it were removed, instead of that they are missing.
func (x *explainer) sayRemoved(ctx context.Context, e *DeploymentExplanation, t dora.DeploymentRecord) error {
	removed, err := x.IsRemoved(ctx, dora.SubjectDeployment, t.Key())
	if err != nil {
		return err
	}
	if removed {
		e.NotMeasured = []Unmeasured{{"the deployment", "storage.retention had removed it before these events arrived: they count in github_* only"}}
		return nil
	}
	if removed, err = x.hadOutcome(ctx, t.Key()); err != nil || !removed {
		return err
	}
	e.NotMeasured = []Unmeasured{{"from its facts", "storage.retention has removed facts about it; the values of /metrics have them"}}
	for i := range changesOf(e.Ships) {
		if c := &e.Ships.Changes[i]; c.NoLeadTime == notCounted {
			c.NoLeadTime = "storage.retention has removed the facts"
		}
	}
	return nil
}

func changesOf(s *Shipment) []ShippedChange {
	if s == nil {
		return nil
	}
	return s.Changes
}
