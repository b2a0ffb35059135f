package page

import (
	"context"

	"dora-exporter/dora"
)

// eventFacts are facts by family and subject.
type eventFacts map[string]map[string]dora.Fact

// readEventFacts returns the facts that say how deliveries were counted.
func readEventFacts(ctx context.Context, r Reader, deliveries []dora.StoredDelivery) (eventFacts, error) {
	var subjects []string
	for _, d := range deliveries {
		subjects = append(subjects, eventSubject(d.Event))
	}
	all := eventFacts{}
	for _, family := range []string{
		dora.DeploymentsTotal, dora.DeploymentsDurationSum, dora.DeploymentsDurationUnavailable, dora.Incidents, dora.IncidentsOpened,
	} {
		found, err := r.FactsBySubject(ctx, family, subjects)
		if err != nil {
			return nil, err
		}
		all[family] = found
	}
	return all, nil
}

// eventSubject returns the subject of the facts of an event.
func eventSubject(e dora.Event) string {
	switch {
	case e.Status != nil:
		return dora.StatusSubject(e.Status.Deployment.Host, e.Status.ID)
	case e.Incident != nil:
		return dora.IncidentSubject(e.Incident.IssueKey())
	}
	return ""
}

// counted returns the series of some families that an event was counted in.
func (f eventFacts) counted(text string, e dora.Event, families ...string) []result {
	var all []result
	for _, family := range families {
		if fact, known := f[family][eventSubject(e)]; known {
			series := dora.SeriesName(family, fact.Labels)
			all = append(all, result{Text: text, Series: series, Link: linkToMetric(series)})
		}
	}
	return all
}

// resultReader reads the results of deliveries.
type resultReader struct {
	Reader
	facts  eventFacts
	reason func(code string) string
}

// What an event that was counted may still wait for.
const (
	waitsForEvaluation = "waiting for evaluation with earlier and later events"
	waitsForShipment   = "waiting for GitHub: what it ships"
	waitsForOrigin     = "waiting for GitHub: its first commit"
)

// results returns what follows from an event that was processed.
func (r resultReader) results(ctx context.Context, e dora.Event) ([]result, error) {
	switch {
	case e.Status != nil:
		return r.statusResults(ctx, e)
	case e.Incident != nil:
		return r.incidentResults(ctx, e)
	}
	ignored, err := r.ignored(ctx, e)
	if err != nil || len(ignored) > 0 {
		return ignored, err
	}
	return []result{{Text: "recorded; counted with its statuses"}}, nil
}

// deploymentKey returns the key of the deployment that an event is about.
func deploymentKey(e dora.Event) string {
	if e.Status != nil {
		status := *e.Status
		e.Status = &status
		dora.Environments(nil).Apply(e)
	}
	return e.Target().Key()
}

// ignored says why no dora_* family counts the deployment of an event; empty if one does.
func (r resultReader) ignored(ctx context.Context, e dora.Event) ([]result, error) {
	t, _, err := r.Deployment(ctx, deploymentKey(e))
	if err != nil || t.Ignored == "" {
		return nil, err
	}
	return []result{{Text: "ignored in dora_*: " + t.Ignored}}, nil
}

func (r resultReader) statusResults(ctx context.Context, e dora.Event) ([]result, error) {
	all := r.facts.counted("counted as", e, dora.DeploymentsTotal)
	if f, known := r.facts[dora.DeploymentsDurationSum][eventSubject(e)]; known {
		all = append(all, result{Text: "duration " + dora.FormatMillis(f.Value)})
	}
	if f, known := r.facts[dora.DeploymentsDurationUnavailable][eventSubject(e)]; known {
		all = append(all, result{Text: "no duration: " + r.reason(f.Labels["reason"])})
	}
	_, pending, err := r.LookupOf(ctx, e.Target().Commit().Key())
	if err != nil {
		return nil, err
	}
	if pending {
		all = append(all, result{Text: waitsForOrigin, pending: true})
	}
	ignored, err := r.ignored(ctx, e)
	if err != nil || len(ignored) > 0 {
		return append(all, ignored...), err
	}
	evaluations, err := r.EvaluationsOf(ctx, deploymentKey(e))
	if err != nil || len(evaluations) == 0 {
		return all, err
	}
	for _, evaluation := range evaluations {
		if evaluation.Attempts+evaluation.Misses > 0 {
			return append(all, result{Text: waitsForShipment, pending: true}), nil
		}
	}
	return append(all, result{Text: waitsForEvaluation, pending: true}), nil
}

func (r resultReader) incidentResults(ctx context.Context, e dora.Event) ([]result, error) {
	key := e.Incident.IssueKey()
	i, known, err := r.Incident(ctx, key)
	if err != nil {
		return nil, err
	}
	switch {
	case !known || !i.IsIncident:
		return []result{{Text: "not an incident by jira.incidents: not counted"}}, nil
	case i.Old:
		return []result{{Text: "resolved before this exporter was installed: not counted"}}, nil
	}
	all := r.facts.counted("its incident is counted as", e, dora.IncidentsOpened, dora.Incidents)
	if len(all) == 0 {
		all = append(all, result{Text: "recorded"})
	}
	evaluations, err := r.EvaluationsOf(ctx, key)
	if len(evaluations) > 0 {
		all = append(all, result{Text: waitsForEvaluation, pending: true})
	}
	return all, err
}
