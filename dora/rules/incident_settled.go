package rules

import (
	"cmp"
	"time"

	"dora-exporter/dora"
)

// countSettled counts what waits for the evaluation of an incident, each once: that it was opened, and the times that it took, or why
// they can't be determined. One that a backfill brought is open if it still is after all of its events: that is so now, and no History.
func (r *Session) countSettled(i dora.Incident) error {
	now := r.summarize(&i)
	if i.History {
		var err error
		if i, err = r.updateOpen(i, now); err != nil {
			return err
		}
		if err := r.Incidents().Save(i); err != nil {
			return err
		}
	}
	opened, at := openingState(i.Events)
	at = cmp.Or(i.Created, at)
	err := r.addForTeams(dora.Fact{Family: dora.IncidentsOpened, Value: 1, At: at}, i.Key, r.labelsAt(i, at, issueLabels(opened)))
	if err != nil {
		return err
	}
	if _, reason := timeToResolve(i); isUnavailable(reason) {
		err := r.addUnavailable(dora.IncidentsDurationUnavailable, i, i.Counted, reason)
		if err != nil {
			return err
		}
	}
	return r.countRecovery(i, now)
}

// countRecovery adds the time to the first resolution of an incident, or why there is none, under the labels that the incident had then:
// later edits change nothing, whether they arrive before the evaluation or after it. A time that a late event tells is added although
// its lack has been counted.
func (r *Session) countRecovery(i dora.Incident, now issueNow) error {
	ms, reason := IncidentRecoveryTime(i)
	if reason != "" && !isUnavailable(reason) {
		return nil
	}
	resolved := now.resolved
	resolved.priority = priorityAt(i.Events, now.resolvedBy)
	labels := issueLabels(resolved)
	if reason == "" {
		return r.addForTeams(dora.Fact{Family: dora.IncidentRecovery, Value: ms, At: i.FirstResolved}, i.Key, r.labelsAt(i, i.FirstResolved, labels))
	}
	if known, err := r.Facts().Has(dora.IncidentRecovery, dora.IncidentSubject(i.Key)); err != nil || known {
		return err
	}
	return r.addUnavailable(dora.IncidentRecoveryUnavailable, i, r.labelsAt(i, unavailableAt(i), labels), reason)
}

// isUnavailable reports whether a reason is one why a resolved incident has no time.
func isUnavailable(reason string) bool {
	return reason == ReasonUnknownResolution || reason == ReasonNoCreation || reason == ReasonBeforeCreation
}

func (r *Session) addUnavailable(family string, i dora.Incident, all []dora.Labels, reason string) error {
	var labels []dora.Labels
	for _, l := range all {
		labels = append(labels, l.With("reason", reason))
	}
	return r.addForTeams(dora.Fact{Family: family, Value: 1, At: unavailableAt(i)}, i.Key, labels)
}

// unavailableAt returns the time of the fact that says why a resolved incident has no time.
func unavailableAt(i dora.Incident) time.Time {
	return cmp.Or(i.Resolved, i.Events[len(i.Events)-1].At)
}

// addForTeams adds a fact about an issue for the labels of each of its teams, unless the family has one about it already.
func (r *Session) addForTeams(f dora.Fact, issue string, all []dora.Labels) error {
	if known, err := r.Facts().Has(f.Family, dora.IncidentSubject(issue)); err != nil || known {
		return err
	}
	for n, labels := range all {
		f.Labels, f.Subject = labels, dora.TeamSubject(issue, n)
		if _, err := r.add(f); err != nil {
			return err
		}
	}
	return nil
}
