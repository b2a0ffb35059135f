package dora

import (
	"fmt"
	"time"
)

// resolved is when the incident was resolved as this event tells, zero when it is open: the resolution date; else, with a
// status category of done, the time of its change; else the event's own time, unless the event is an edit of something
// else in an issue that was done before.
func (c IncidentChange) resolved() time.Time {
	switch {
	case c.Event == "jira:issue_deleted":
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

// incident counts an incident once, when it is resolved, and keeps the sum at newest resolution - creation. Events
// may arrive in any order: what is remembered is the newest resolution and how much of it is counted.
func (r *rules) incident(c IncidentChange, team string) error {
	if c.Event == "jira:issue_deleted" {
		return nil
	}
	labels := incidentLabels(c.Project, team)
	if err := r.zeros(labels, c.Timestamp, Incidents); err != nil {
		return err
	}
	i, err := r.Incident(c.Host + "/" + c.ID)
	if err != nil {
		return err
	}
	i.Key = c.Host + "/" + c.ID
	if i.Created.IsZero() {
		i.Created = c.Created
	}
	if resolved := c.resolved(); resolved.After(i.Resolved) {
		i.Resolved = resolved
	}
	if i.Resolved.IsZero() {
		return r.SaveIncident(i)
	}
	if i.Labels == nil {
		if i.Labels, err = r.place(r.families[Incidents], labels); err != nil {
			return err
		}
		_, err := r.AddFact(Fact{Family: Incidents, Labels: i.Labels, Value: 1, At: i.Resolved, Subject: "incident:" + i.Key})
		if err != nil {
			return err
		}
	}
	if more := i.duration() - i.Counted; more > 0 {
		_, err := r.AddFact(Fact{
			Family: IncidentsDurationSum, Labels: i.Labels, Value: more, At: i.Resolved,
			Subject: fmt.Sprintf("incident:%s/resolved=%d", i.Key, i.Resolved.UnixMilli()),
		})
		if err != nil {
			return err
		}
		i.Counted += more
	}
	return r.SaveIncident(i)
}

// duration is the time to recover in milliseconds; 0 when it can't be had.
func (i Incident) duration() int64 {
	if i.Created.IsZero() {
		return 0
	}
	return max(0, i.Resolved.UnixMilli()-i.Created.UnixMilli())
}
