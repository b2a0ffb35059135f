package dora

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	issueCreated = "jira:issue_created"
	issueDeleted = "jira:issue_deleted"
)

// resolved is when the incident was resolved as this event tells, zero when it is open: the resolution date; else, with a
// status category of done, the time of its change; else the event's own time, unless the event is an edit of something
// else in an issue that was done before.
func (c IncidentChange) resolved() time.Time {
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

// open says whether the issue is open after this event.
func (c IncidentChange) open() bool {
	return c.Event != issueDeleted && c.ResolutionDate.IsZero() && c.StatusCategory != "done"
}

// compare orders the events of an issue: by their own times, then by what they say.
func (c IncidentChange) compare(other IncidentChange) int {
	return cmp.Or(c.Timestamp.Compare(other.Timestamp), strings.Compare(c.text(), other.text()))
}

func (c IncidentChange) text() string {
	text, _ := json.Marshal(c) //nolint:errchkjson // texts and times in the years of JSON
	return string(text)
}

// issueLabels are those of the dora_incident* families.
func issueLabels(c IncidentChange, team string) Labels {
	return Labels{"priority": labelValue(cmp.Or(c.Priority, Unknown)), "project": labelValue(c.Project), "team": labelValue(team)}
}

// incident remembers an event of an issue and, when the issue is an incident, counts what follows from all of its events,
// in whatever order they came.
func (r *rules) incident(c IncidentChange, team string) error {
	i, err := r.Incident(c.Host + "/" + c.ID)
	if err != nil {
		return err
	}
	i.Key = c.Host + "/" + c.ID
	i.learn(c, team)
	i.Is = i.Is || r.policy.Incidents.matches(c)
	if i.Is {
		if i, err = r.resolution(i, c, team); err != nil {
			return err
		}
		if i, err = r.openness(i); err != nil {
			return err
		}
		if c.Event == issueCreated {
			if err := r.opened(i, c, team); err != nil {
				return err
			}
		}
		late, err := r.cameLate(i)
		if err != nil {
			return err
		}
		if late {
			r.late++
			i.Late = true
		}
		kind := SettleIncident
		if len(i.References) == 0 && r.policy.IncidentWindow == 0 {
			kind = SettleIssue
		}
		err = r.settleLater(Settling{Kind: kind, Key: i.Key, At: cmp.Or(i.Created, c.Timestamp)})
		if err != nil {
			return err
		}
	}
	return r.SaveIncident(i)
}

// learn adds what an event says.
func (i *Incident) learn(c IncidentChange, team string) {
	if i.Newest.Event == "" || c.compare(i.Newest) > 0 {
		i.Newest, i.Team, i.Name = c, team, c.Key
	}
	if i.Earliest.Event == "" || c.compare(i.Earliest) < 0 {
		i.Earliest, i.EarliestTeam = c, team
	}
	if i.Created.IsZero() {
		i.Created = c.Created
	}
	if at := c.resolved(); !at.IsZero() {
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

// resolution counts an incident once in jira_incidents, when it is resolved, and keeps the sum at newest resolution -
// creation.
func (r *rules) resolution(i Incident, c IncidentChange, team string) (Incident, error) {
	labels := incidentLabels(c.Project, team)
	if c.Event != issueDeleted {
		if err := r.zeros(labels, c.Timestamp, Incidents); err != nil {
			return i, err
		}
	}
	if i.Resolved.IsZero() {
		return i, nil
	}
	if i.Labels == nil {
		var err error
		if i.Labels, err = r.place(r.families[Incidents], labels); err != nil {
			return i, err
		}
		_, err = r.AddFact(Fact{Family: Incidents, Labels: i.Labels, Value: 1, At: i.Resolved, Subject: "incident:" + i.Key})
		if err != nil {
			return i, err
		}
	}
	if more := i.duration() - i.Counted; more > 0 {
		_, err := r.AddFact(Fact{
			Family: IncidentsDurationSum, Labels: i.Labels, Value: more, At: i.Resolved,
			Subject: fmt.Sprintf("incident:%s/resolved=%d", i.Key, i.Resolved.UnixMilli()),
		})
		if err != nil {
			return i, err
		}
		i.Counted += more
	}
	return i, nil
}

// openness makes an incident count as open, under the labels of its newest event, while that leaves it open. Its recovery will be
// observed under the same.
func (r *rules) openness(i Incident) (Incident, error) {
	var want Labels
	if i.Newest.open() {
		want = issueLabels(i.Newest, i.Team)
		var err error
		if want, err = r.place(r.families[IncidentsOpen], want); err != nil {
			return i, err
		}
	}
	if (want == nil) == (i.Open == nil) && want.Key() == i.Open.Key() {
		return i, nil
	}
	for _, change := range []struct {
		labels Labels
		by     int64
	}{{i.Open, -1}, {want, 1}} {
		if change.labels == nil {
			continue
		}
		i.OpenFacts++
		_, err := r.AddFact(Fact{
			Family: IncidentsOpen, Labels: change.labels, Value: change.by, At: i.Newest.Timestamp,
			Subject: fmt.Sprintf("incident:%s/open=%d", i.Key, i.OpenFacts),
		})
		if err != nil {
			return i, err
		}
	}
	i.Open = want
	if want == nil {
		return i, nil
	}
	return i, r.zero(IncidentRecovery, want, i.Newest.Timestamp)
}

// opened counts that an incident was opened, once.
func (r *rules) opened(i Incident, c IncidentChange, team string) error {
	_, err := r.add(Fact{
		Family: IncidentsOpened, Labels: issueLabels(c, team), Value: 1, At: cmp.Or(c.Created, c.Timestamp), Subject: "incident:" + i.Key,
	})
	return err
}

// duration is the time to recover in milliseconds; 0 when it can't be had.
func (i Incident) duration() int64 {
	if i.Created.IsZero() {
		return 0
	}
	return max(0, i.Resolved.UnixMilli()-i.Created.UnixMilli())
}
