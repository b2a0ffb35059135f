package rules

import (
	"cmp"
	"slices"
	"time"

	"dora-exporter/dora"
)

// addIncidentEvent remembers an event of an issue. If the issue is an incident, it counts what follows from all of its events so far,
// in whatever order they arrived, and schedules an evaluation.
func (r *Session) addIncidentEvent(d dora.Delivery, team string) error {
	c := *d.Event.Incident
	if removed, err := r.isIncidentRemoved(c); err != nil || removed {
		return err
	}
	i, err := r.Incidents().Get(c.IssueKey())
	if err != nil {
		return err
	}
	i.Key = c.IssueKey()
	e := dora.IncidentEvent{IncidentChange: c, At: c.OwnTime(), Arrival: d.ID}
	if e.At.IsZero() {
		e.At = d.Received.UTC()
	}
	if len(c.Teams)+len(c.ComponentTeams) == 0 {
		e.ProjectTeam = team
	}
	i.Name = cmp.Or(i.Name, c.Key)
	i.History = i.History || d.Event.Backfilled && (len(i.Events) == 0 || i.Old)
	addEvent(&i, e)
	now := r.summarize(&i)
	if i.IsCounted() || i.Open != nil {
		if i, err = r.countIncident(i, now, e); err != nil {
			return err
		}
	}
	return r.Incidents().Save(i)
}

// issueNow is the state of an issue after all of its events, as far as dora.Incident does not have it.
type issueNow struct {
	state issueState
	// isOpen is true if it is an open incident. resolved is the state in which it was first resolved, resolvedBy the delivery of that event.
	isOpen     bool
	resolved   issueState
	resolvedBy int64
	// passed are the states after each event that had the issue match jira.incidents.
	passed []passedState
}

// summarize derives from the events of an issue what is known of it.
func (r *Session) summarize(i *dora.Incident) (now issueNow) {
	found := resolver{filter: r.policy.Incidents, categories: newCategories(i.Events)}
	var isDeleted bool
	i.Created = time.Time{}
	for _, e := range i.Events {
		i.Created = cmp.Or(i.Created, e.Created)
		if e.Event == dora.IssueDeleted {
			isDeleted = true // for good, even if an event without a time of its own arrives later
			continue
		}
		found.add(e)
		if found.matches() {
			now.passed = append(now.passed, passedState{found.state, e.At, !found.resolved})
		}
	}
	now.state, now.isOpen = found.state, found.seen && !isDeleted && !found.resolved && found.matches()
	i.Name, i.Project, i.Priority, i.Teams = cmp.Or(now.state.name, i.Name), now.state.project, now.state.priority, now.state.owners()
	i.IsIncident, i.Old = found.isIncident, r.isOld(*i, found)
	i.IsResolved, i.FirstResolved, i.Resolved = false, time.Time{}, time.Time{}
	for _, resolution := range found.all {
		if !resolution.counts {
			continue
		}
		if !i.IsResolved {
			i.IsResolved, i.FirstResolved = true, resolution.at()
			now.resolved, now.resolvedBy = resolution.state, resolution.arrival
		}
		if at := resolution.at(); !at.IsZero() {
			i.Resolved = at
		}
	}
	return now
}

// isOld reports whether an issue was resolved before the store was created, and every event is one of an edit after that.
func (r *Session) isOld(i dora.Incident, found resolver) bool {
	if found.wasOpen || found.turned || len(found.all) == 0 {
		return false
	}
	for _, resolution := range found.all {
		at := resolution.at()
		if at.IsZero() || !at.Before(r.storeCreated) {
			return false
		}
		edited := func(e dora.IncidentEvent) bool {
			return e.Event == dora.IssueDeleted || e.Event != dora.IssueCreated && e.At.After(at.Add(tolerance))
		}
		if slices.ContainsFunc(i.Events, func(e dora.IncidentEvent) bool { return !edited(e) }) {
			return false
		}
	}
	return true
}

// isHistoric reports whether what happened to an incident at a time counts in History.
func (r *Session) isHistoric(i dora.Incident, at time.Time) bool {
	return i.History && !at.IsZero() && at.Before(r.storeCreated)
}

// labelsAt returns the labels under which what happened to an incident at a time counts.
func (r *Session) labelsAt(i dora.Incident, at time.Time, all []dora.Labels) []dora.Labels {
	if !r.isHistoric(i, at) {
		return all
	}
	var historic []dora.Labels
	for _, labels := range all {
		historic = append(historic, labels.OfHistory())
	}
	return historic
}

// countIncident counts what follows at once from the events of an incident, of which e is the newest to arrive, and schedules an
// evaluation.
func (r *Session) countIncident(i dora.Incident, now issueNow, e dora.IncidentEvent) (dora.Incident, error) {
	inHistory := r.isHistoric(i, e.At)
	if err := r.startIncidentSeries(i, now); err != nil {
		return i, err
	}
	i, err := r.countResolved(i, now)
	if err != nil {
		return i, err
	}
	if !inHistory || i.Open != nil { // else its evaluation tells whether it is still open after all of its events
		if i, err = r.updateOpen(i, now); err != nil {
			return i, err
		}
	}
	late, err := r.isLate(i)
	if err != nil {
		return i, err
	}
	if late {
		if !inHistory {
			r.late++
		}
		i.Late = true
	}
	kind := dora.IncidentEvaluation
	if len(i.References) == 0 && r.policy.IncidentWindow == 0 {
		kind = dora.IssueEvaluation
	}
	return i, r.scheduleEvaluation(dora.Evaluation{Kind: kind, Key: i.Key, At: cmp.Or(i.Created, e.At)})
}

// issueLabels returns the labels of the dora_incident* families, one set for each team.
func issueLabels(s issueState) []dora.Labels {
	var all []dora.Labels
	for _, team := range s.owners() {
		all = append(all, dora.Labels{
			"priority": dora.LabelValue(cmp.Or(s.priority, dora.Unknown)), "project": dora.LabelValue(s.project), "team": dora.LabelValue(team),
		})
	}
	return all
}

// countResolved counts an incident in jira_incidents once, when it is resolved, and keeps the sum at newest resolution - creation.
func (r *Session) countResolved(i dora.Incident, now issueNow) (dora.Incident, error) {
	if i.Counted == nil && i.IsResolved {
		for n, team := range now.resolved.owners() {
			owned := r.labelsAt(i, i.Resolved, []dora.Labels{dora.IncidentLabels(now.resolved.project, team)})
			labels, err := r.limitLabels(r.families[dora.Incidents], owned[0])
			if err != nil {
				return i, err
			}
			_, err = r.Facts().Add(dora.Fact{Family: dora.Incidents, Labels: labels, Value: 1, At: i.Resolved, Subject: dora.TeamSubject(i.Key, n)})
			if err != nil {
				return i, err
			}
			i.Counted = append(i.Counted, labels)
		}
	}
	took, _ := timeToResolve(i)
	change := took - i.CountedMillis
	if change == 0 {
		return i, nil
	}
	for _, labels := range i.Counted {
		i.SumFacts++
		_, err := r.Facts().Add(dora.Fact{
			Family: dora.IncidentsDurationSum, Labels: labels, Value: change, At: i.Resolved, Subject: dora.ResolutionSubject(i.Key, i.SumFacts),
		})
		if err != nil {
			return i, err
		}
	}
	if i.Counted != nil {
		i.CountedMillis = took
	}
	return i, nil
}

// updateOpen counts an incident as open under the labels of its newest event while that leaves it open. Its recovery starts at 0 under
// the same labels.
func (r *Session) updateOpen(i dora.Incident, now issueNow) (dora.Incident, error) {
	var want []dora.Labels
	if now.isOpen {
		for _, labels := range issueLabels(now.state) {
			labels, err := r.limitLabels(r.families[dora.IncidentsOpen], labels)
			if err != nil {
				return i, err
			}
			want = append(want, labels)
		}
	}
	at := i.Events[len(i.Events)-1].At
	for _, change := range []struct {
		labels, unless []dora.Labels
		by             int64
	}{{i.Open, want, -1}, {want, i.Open, 1}} {
		for _, labels := range change.labels {
			if slices.ContainsFunc(change.unless, func(l dora.Labels) bool { return l.Key() == labels.Key() }) {
				continue
			}
			i.OpenFacts++
			_, err := r.Facts().Add(dora.Fact{
				Family: dora.IncidentsOpen, Labels: labels, Value: change.by, At: at, Subject: dora.OpenSubject(i.Key, i.OpenFacts),
			})
			if err != nil {
				return i, err
			}
		}
	}
	for _, labels := range want { // folded ones, and those of an incident from History
		if err := r.startAtZero(dora.IncidentRecovery, labels, at); err != nil {
			return i, err
		}
	}
	i.Open = want
	return i, nil
}
