package rules

import (
	"time"

	"dora-exporter/dora"
)

// When an issue is resolved.
//
// An issue is resolved while its status is of category done, or one of jira.incidents.resolved_statuses; if the category is unknown,
// while it has a resolution date. The events of an issue, in their order, are divided into resolutions: runs of events that show the
// issue resolved, each after an event that shows it open, or whose changelog or resolution date shows that it was reopened in between.
//
// The time of a resolution is the resolution date, unless the event whose changelog turned the issue from not done to done is more
// than a minute later: then the date is left from an earlier resolution. Without a date it is the change of the status category, else
// the time of that event. Other events may come long after the resolution; their times are never taken.

// tolerance is how far times of the same change may be apart: Jira takes them one after another.
const tolerance = time.Minute

// resolution is a time during which an issue was resolved.
type resolution struct {
	// counts is true if the issue is an incident with a resolution that is a recovery, in one of its events. state is that after the
	// first of these events, arrival is its delivery.
	counts  bool
	state   issueState
	arrival int64

	// start is the event that shows it first, afterOpen is true if the event before it shows the issue open.
	start     dora.IncidentEvent
	afterOpen bool
	// byStatus is true if it is resolved by a status whose category is not done.
	byStatus bool
	// turned is the event that resolved the issue; its Event is empty if no changelog shows it.
	turned dora.IncidentEvent
	// date is its resolution date, changed when its status category changed. staleDate is the date that the open issue had.
	date, staleDate, changed time.Time
}

// at returns the time of a resolution; zero if it is unknown.
func (r resolution) at() time.Time {
	isTurned := r.turned.Event != ""
	switch {
	case isTurned && (r.byStatus || !r.turned.OwnTime().IsZero() && !r.date.IsZero() && r.turned.At.After(r.date.Add(tolerance))):
		return r.turned.At
	case !r.byStatus && !r.date.IsZero():
		return r.date
	case !r.byStatus && !r.changed.IsZero():
		return r.changed
	case isTurned:
		return r.turned.At
	case r.afterOpen && r.start.Event == dora.IssueBody: // has no changelog
		return r.start.At
	}
	return time.Time{}
}

// resolver finds the resolutions of an issue.
type resolver struct {
	filter     dora.IncidentFilter
	categories categories

	all []resolution
	// resolved is true while the issue is resolved, in the last of all. seen is true after the first event.
	resolved, seen bool
	// isIncident, wasOpen and turned are true if an event shows the issue to be an incident, open, or just resolved.
	isIncident, wasOpen, turned bool
	// state is that after the last event.
	state issueState
}

// add adds the next event.
func (r *resolver) add(e dora.IncidentEvent) {
	before := r.state
	r.state.apply(e)
	matches := r.matches()
	r.isIncident = r.isIncident || matches && r.filter.MatchesStatus(r.state.status)
	wasResolved, seen := r.resolved, r.seen
	r.resolved, r.seen = r.isResolved(r.state), true
	if !r.resolved {
		r.wasOpen = true
		return
	}
	turns := r.turns(e, seen, wasResolved)
	r.turned = r.turned || turns
	if !wasResolved || r.resolvedAgain(before, e, turns) {
		next := resolution{start: e, afterOpen: seen && !wasResolved, byStatus: r.byStatus(r.state)}
		if !wasResolved {
			next.staleDate = before.resolutionDate
		}
		r.all = append(r.all, next)
	}
	r.extend(&r.all[len(r.all)-1], e, turns)
	if last := &r.all[len(r.all)-1]; matches && !last.counts && !r.filter.Ignores(r.state.resolution) {
		last.counts, last.state, last.arrival = true, r.state, e.Arrival
	}
}

// extend adds what an event says about the resolution that the issue is in after it.
func (r *resolver) extend(last *resolution, e dora.IncidentEvent, turns bool) {
	if turns && last.turned.Event == "" {
		last.turned = e
	}
	known := last.turned.Event != "" || !last.date.IsZero() || !last.changed.IsZero()
	isLaterEdit := !turns && known && explainsDate(e)
	isStale := !last.staleDate.IsZero() && r.state.resolutionDate.Sub(last.staleDate).Abs() < time.Second
	if last.date.IsZero() && !isStale && !isLaterEdit {
		last.date = r.state.resolutionDate
	}
	if last.changed.IsZero() {
		last.changed = e.StatusCategoryChanged
	}
}

// explainsDate reports whether a change of the resolution date is that of an event, which edits an issue that may be resolved.
func explainsDate(e dora.IncidentEvent) bool { return e.ResolutionChanged || e.Transition != nil }

// resolvedAgain reports whether an event of a resolved issue shows that it was reopened and resolved again before.
func (r *resolver) resolvedAgain(before issueState, e dora.IncidentEvent, turns bool) bool {
	last := r.all[len(r.all)-1]
	if turns {
		return e.At.After(latest(last.start.At, last.turned.At).Add(tolerance))
	}
	from, to := before.resolutionDate, r.state.resolutionDate
	return !last.byStatus && !from.IsZero() && !to.IsZero() && from.Sub(to).Abs() > tolerance && !explainsDate(e)
}

// matches reports whether the issue is one of jira.incidents after the last event, whatever its status.
func (r *resolver) matches() bool {
	return r.filter.Matches(r.state.issueType, r.state.project, r.state.priority, r.state.labels)
}

// isResolved reports whether an issue is resolved in a state.
func (r *resolver) isResolved(s issueState) bool {
	switch category := r.category(s); {
	case r.filter.Resolves(s.status):
		return true
	case category == "":
		return !s.resolutionDate.IsZero()
	default:
		return category == done
	}
}

func (r *resolver) byStatus(s issueState) bool {
	return r.filter.Resolves(s.status) && r.category(s) != done
}

func (r *resolver) category(s issueState) string {
	if s.category != "" {
		return s.category
	}
	return r.categories.of(s.statusID, s.status)
}

// turns reports whether the changelog of an event after which the issue is resolved turned it from not resolved to resolved. A move
// to another project does not: it only replaces the statuses that the other project lacks.
func (r *resolver) turns(e dora.IncidentEvent, seen, wasResolved bool) bool {
	if e.Transition == nil || e.Moved || e.Event == dora.IssueCreated {
		return false
	}
	from := *e.Transition
	if r.filter.Resolves(from.From) {
		return false
	}
	category := r.categories.of(from.FromID, from.From)
	if category == "" {
		category = systemCategories.of(from.FromID, from.From)
	}
	if category == "" {
		return !wasResolved && !r.wasDone(e, seen)
	}
	return category != done
}

// wasDone reports whether the dates of an event show that the issue was done before it. The resolution date of an issue that was seen
// open may be left from an earlier resolution.
func (r *resolver) wasDone(e dora.IncidentEvent, seen bool) bool {
	isBefore := func(at time.Time) bool { return !at.IsZero() && e.OwnTime().After(at.Add(tolerance)) }
	return isBefore(e.StatusCategoryChanged) || !seen && isBefore(r.state.resolutionDate)
}
