package rules

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"dora-exporter/dora"
)

const (
	issueCreated = "jira:issue_created"
	issueDeleted = "jira:issue_deleted"
)

// addIncidentEvent remembers an event of an issue. If the issue is an incident, it counts what follows from all of its events so far,
// in whatever order they arrived, and schedules an evaluation.
func (r *Session) addIncidentEvent(c dora.IncidentChange, team string) error {
	i, err := r.Incidents().Get(c.IssueKey())
	if err != nil {
		return err
	}
	i.Key = c.IssueKey()
	mergeEvent(&i, c, team)
	i.IsIncident = i.IsIncident || r.policy.Incidents.Matches(c)
	if i.IsIncident {
		if i, err = r.countIncident(i, c, team); err != nil {
			return err
		}
	}
	return r.Incidents().Save(i)
}

// countIncident counts what follows from the events of an incident, of which c is the newest to arrive, and schedules an evaluation.
func (r *Session) countIncident(i dora.Incident, c dora.IncidentChange, team string) (dora.Incident, error) {
	i, err := r.countResolved(i, c, team)
	if err != nil {
		return i, err
	}
	if i, err = r.updateOpen(i); err != nil {
		return i, err
	}
	if c.Event == issueCreated {
		if err := r.countOpened(i, c, team); err != nil {
			return i, err
		}
	}
	late, err := r.isLate(i)
	if err != nil {
		return i, err
	}
	if late {
		r.late++
		i.Late = true
	}
	kind := dora.IncidentEvaluation
	if len(i.References) == 0 && r.policy.IncidentWindow == 0 {
		kind = dora.IssueEvaluation
	}
	return i, r.scheduleEvaluation(dora.Evaluation{Kind: kind, Key: i.Key, At: cmp.Or(i.Created, c.Timestamp)})
}

// mergeEvent adds what an event says to an incident.
func mergeEvent(i *dora.Incident, c dora.IncidentChange, team string) {
	if i.Newest.Event == "" || compareEvents(c, i.Newest) > 0 {
		i.Newest, i.Team, i.Name = c, team, c.Key
	}
	if i.Earliest.Event == "" || compareEvents(c, i.Earliest) < 0 {
		i.Earliest, i.EarliestTeam = c, team
	}
	if i.Created.IsZero() {
		i.Created = c.Created
	}
	if at := resolvedAt(c); !at.IsZero() {
		if at.After(i.Resolved) {
			i.Resolved = at
		}
		if i.FirstResolved.IsZero() || at.Before(i.FirstResolved) {
			i.FirstResolved = at
		}
	}
	for _, ref := range c.References {
		if !slices.Contains(i.References, ref) {
			i.References = append(i.References, ref)
		}
	}
}

// compareEvents orders the events of an issue by their own times, then by their content.
func compareEvents(c, other dora.IncidentChange) int {
	return cmp.Or(c.Timestamp.Compare(other.Timestamp), strings.Compare(eventText(c), eventText(other)))
}

func eventText(c dora.IncidentChange) string {
	text, _ := json.Marshal(c) //nolint:errchkjson // texts and times in the years of JSON
	return string(text)
}

// resolvedAt returns when an event says that its issue was resolved; zero if the issue is open. That is the resolution date; else,
// in a status of category done, the time at which the category changed; else the time of the event, unless the event edits
// something else in an issue that was done before.
func resolvedAt(c dora.IncidentChange) time.Time {
	switch {
	case c.Event == issueDeleted:
		return time.Time{}
	case !c.ResolutionDate.IsZero():
		return c.ResolutionDate
	case c.StatusCategory != "done":
		return time.Time{}
	case !c.StatusCategoryChanged.IsZero():
		return c.StatusCategoryChanged
	case c.Edit:
		return time.Time{}
	}
	return c.Timestamp
}

// isOpen reports whether the issue is open after an event.
func isOpen(c dora.IncidentChange) bool {
	return c.Event != issueDeleted && c.ResolutionDate.IsZero() && c.StatusCategory != "done"
}

// issueLabels returns the labels of the dora_incident* families.
func issueLabels(c dora.IncidentChange, team string) dora.Labels {
	return dora.Labels{"priority": dora.LabelValue(cmp.Or(c.Priority, dora.Unknown)), "project": dora.LabelValue(c.Project), "team": dora.LabelValue(team)}
}

// countResolved counts an incident in jira_incidents once, when it is resolved, and keeps the sum at newest resolution - creation.
func (r *Session) countResolved(i dora.Incident, c dora.IncidentChange, team string) (dora.Incident, error) {
	labels := dora.IncidentLabels(c.Project, team)
	if c.Event != issueDeleted {
		if err := r.startNewLabelSet(labels, c.Timestamp, dora.Incidents, dora.IncidentsDurationSum); err != nil {
			return i, err
		}
	}
	if i.Resolved.IsZero() {
		return i, nil
	}
	if i.Labels == nil {
		var err error
		if i.Labels, err = r.limitLabels(r.families[dora.Incidents], labels); err != nil {
			return i, err
		}
		_, err = r.Facts().Add(dora.Fact{Family: dora.Incidents, Labels: i.Labels, Value: 1, At: i.Resolved, Subject: dora.IncidentSubject(i.Key)})
		if err != nil {
			return i, err
		}
	}
	if more := timeToRecover(i) - i.Counted; more > 0 {
		_, err := r.Facts().Add(dora.Fact{
			Family: dora.IncidentsDurationSum, Labels: i.Labels, Value: more, At: i.Resolved, Subject: dora.ResolutionSubject(i.Key, i.Resolved),
		})
		if err != nil {
			return i, err
		}
		i.Counted += more
	}
	return i, nil
}

// timeToRecover returns the milliseconds from the creation of an incident to its newest resolution; 0 if they can't be determined.
func timeToRecover(i dora.Incident) int64 {
	if i.Created.IsZero() {
		return 0
	}
	return max(0, i.Resolved.UnixMilli()-i.Created.UnixMilli())
}

// updateOpen counts an incident as open under the labels of its newest event while that leaves it open. It starts the incident's
// recovery at 0 under the same labels, under which it will be observed.
func (r *Session) updateOpen(i dora.Incident) (dora.Incident, error) {
	var want dora.Labels
	if isOpen(i.Newest) {
		want = issueLabels(i.Newest, i.Team)
		var err error
		if want, err = r.limitLabels(r.families[dora.IncidentsOpen], want); err != nil {
			return i, err
		}
	}
	if (want == nil) == (i.Open == nil) && want.Key() == i.Open.Key() {
		return i, nil
	}
	for _, change := range []struct {
		labels dora.Labels
		by     int64
	}{{i.Open, -1}, {want, 1}} {
		if change.labels == nil {
			continue
		}
		i.OpenFacts++
		_, err := r.Facts().Add(dora.Fact{
			Family: dora.IncidentsOpen, Labels: change.labels, Value: change.by, At: i.Newest.Timestamp, Subject: dora.OpenSubject(i.Key, i.OpenFacts),
		})
		if err != nil {
			return i, err
		}
	}
	i.Open = want
	if want == nil {
		return i, nil
	}
	return i, r.startAtZero(dora.IncidentRecovery, want, i.Newest.Timestamp)
}

// countOpened counts once that an incident was opened.
func (r *Session) countOpened(i dora.Incident, c dora.IncidentChange, team string) error {
	_, err := r.add(dora.Fact{
		Family: dora.IncidentsOpened, Labels: issueLabels(c, team), Value: 1, At: cmp.Or(c.Created, c.Timestamp), Subject: dora.IncidentSubject(i.Key),
	})
	return err
}
