package explain

import "dora-exporter/dora"

// Text returns the explanation for people.
func (all *Incidents) Text() string {
	t := &text{}
	writeAll(t, "%d issues have or had that name", all.Incidents, (*IncidentExplanation).write)
	return t.String()
}

func (e *IncidentExplanation) write(t *text) {
	t.line("%s on %s", e.Incident, e.Host)
	rows := [][]string{{"project", e.Project}, {"team", e.Team}}
	if e.Priority != "" {
		rows = append(rows, []string{"priority", e.Priority})
	}
	if !e.Created.IsZero() {
		rows = append(rows, []string{"created", dora.FormatTime(e.Created)})
	}
	if !e.FirstResolved.IsZero() {
		rows = append(rows, []string{"resolved", dora.FormatTime(e.FirstResolved)})
	}
	if !e.Resolved.IsZero() && !e.Resolved.Equal(e.FirstResolved) {
		rows = append(rows, []string{"last resolved", dora.FormatTime(e.Resolved)})
	}
	for _, labels := range e.OpenUnder {
		rows = append(rows, []string{"open under", dora.SeriesName("", labels)})
	}
	for _, labels := range e.CountedUnder {
		rows = append(rows, []string{"counted under", dora.SeriesName("", labels)})
	}
	t.table(rows)
	t.incidentEvents(e.Events)
	if len(e.References) > 0 {
		t.section("What its text names")
	}
	for _, ref := range e.References {
		if len(ref.Deployments) == 0 {
			t.line("  %s: no known deployment", ref.Reference)
		}
		for _, d := range ref.Deployments {
			t.line("  %s: deployment %s; %s", ref.Reference, d.Deployment, d.Means)
		}
	}
	t.evidence("Evidence against deployments", e.Shows)
	t.facts(e.Facts)
	t.pending(e.Pending)
	t.unmeasured(e.NotMeasured)
}

func (t *text) incidentEvents(events []IncidentEvent) {
	t.section("Events")
	var rows [][]string
	for _, event := range events {
		what := event.Event
		if event.Status != "" {
			what += ", status " + event.Status
		}
		if !event.Resolved.IsZero() {
			what += ", resolved " + dora.FormatTime(event.Resolved)
		}
		rows = append(rows, []string{dora.FormatTime(event.At), what, event.Delivery.words()})
	}
	t.table(rows)
}
