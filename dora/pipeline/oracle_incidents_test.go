package pipeline_test

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"dora-exporter/dora"
)

// oracleIssue is an issue as the oracle sees it: its events in the order of their times, without deletions and comments, and for each
// event the issue after it.
type oracleIssue struct {
	events  []dora.IncidentChange
	after   []dora.IncidentChange
	teams   [][]string
	deleted bool
	created time.Time
	// known has the statuses whose category an event shows, and whether it is done.
	known map[string]bool
}

// oracleResolution is a time during which an issue was resolved: the events from one index to before another.
type oracleResolution struct {
	from, to int
	at       time.Time
	counts   bool
	// shown is the first event that shows a recovery.
	shown int
}

// read sorts the events of an issue and works out the issue after each of them. An absent field changes nothing.
func (o *oracle) read(id string) *oracleIssue {
	i := &oracleIssue{known: map[string]bool{}}
	all := slices.Clone(o.issues[id])
	slices.SortStableFunc(all, func(a, b *dora.IncidentChange) int {
		return cmp.Or(a.OwnTime().Compare(b.OwnTime()), cmp.Compare(len(a.Changelog), len(b.Changelog)), strings.Compare(a.Changelog, b.Changelog))
	})
	var now dora.IncidentChange
	seen := map[string]bool{}
	for _, e := range all {
		if change := e.Event + "/" + e.Changelog; e.Changelog != "" {
			if seen[change] {
				continue // through another hook
			}
			seen[change] = true
		}
		if e.StatusCategory != "" {
			i.known[e.StatusName] = e.StatusCategory == "done"
		}
		if i.created.IsZero() {
			i.created = e.Created
		}
		if e.Event == "jira:issue_deleted" {
			i.deleted = true
			continue
		}
		now = over(now, *e)
		i.events, i.after = append(i.events, *e), append(i.after, now)
		teams := now.Teams
		if len(teams) == 0 {
			teams = []string{o.teams[now.Project]}
		}
		i.teams = append(i.teams, teams)
	}
	return i
}

// over returns an issue after an event.
func over(now, e dora.IncidentChange) dora.IncidentChange {
	set := func(to *string, value, field string) {
		if value != "" || slices.Contains(e.Cleared, field) {
			*to = value
		}
	}
	set(&now.Project, e.Project, "")
	set(&now.Priority, e.Priority, "priority")
	set(&now.Resolution, e.Resolution, "resolution")
	if len(e.IssueLabels) > 0 || slices.Contains(e.Cleared, "labels") {
		now.IssueLabels = e.IssueLabels
	}
	if len(e.Teams) > 0 || slices.Contains(e.Cleared, "teams") {
		now.Teams = e.Teams
	}
	if !e.ResolutionDate.IsZero() || slices.Contains(e.Cleared, "resolutiondate") {
		now.ResolutionDate = e.ResolutionDate
	}
	now.StatusName, now.StatusCategory = e.StatusName, e.StatusCategory
	return now
}

// listed reports whether a list has one of the names.
func listed(list []string, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return slices.ContainsFunc(list, func(l string) bool { return strings.EqualFold(l, name) })
	})
}

// matches reports whether an issue is an incident after an event.
func (o *oracle) matches(c dora.IncidentChange) bool {
	f := o.policy.Incidents
	return (f.Projects == nil || listed(f.Projects, c.Project)) && (f.Labels == nil || listed(f.Labels, c.IssueLabels...)) &&
		(f.Priorities == nil || listed(f.Priorities, c.Priority))
}

// isDone reports whether an issue is resolved after an event: by its status, or, when the category is unknown, by a resolution date.
func (o *oracle) isDone(i *oracleIssue, n int) bool {
	c := i.after[n]
	if listed(o.policy.Incidents.ResolvedStatuses, c.StatusName) {
		return true
	}
	if done, known := i.known[c.StatusName]; known {
		return done
	}
	return !c.ResolutionDate.IsZero()
}

// turned reports whether the changelog of an event turned the issue from not done to done.
func (o *oracle) turned(i *oracleIssue, n int) bool {
	e := i.events[n]
	if e.Transition == nil || e.Moved || e.Event == "jira:issue_created" || !o.isDone(i, n) {
		return false
	}
	from := e.Transition.From
	return from != "Closed" && from != "Done" && !listed(o.policy.Incidents.ResolvedStatuses, from)
}

const oneMinute = time.Minute

// resolutions divides the time during which an issue is resolved.
func (o *oracle) resolutions(i *oracleIssue) (all []oracleResolution) {
	for n := range i.events {
		if !o.isDone(i, n) {
			continue
		}
		if n == 0 || !o.isDone(i, n-1) || o.again(i, all[len(all)-1], n) {
			all = append(all, oracleResolution{from: n})
		}
		last := &all[len(all)-1]
		last.to = n + 1
		if !last.counts && o.matches(i.after[n]) && !listed(o.policy.Incidents.IgnoredResolutions, i.after[n].Resolution) {
			last.counts, last.shown = true, n
		}
	}
	for n := range all {
		all[n].at = o.time(i, all[n])
	}
	return all
}

// again reports whether an event of a resolved issue shows that it was reopened and resolved again, unseen.
func (o *oracle) again(i *oracleIssue, before oracleResolution, n int) bool {
	if o.turned(i, n) {
		latest := i.events[before.from].OwnTime()
		for m := before.from; m < n; m++ {
			if o.turned(i, m) {
				latest = i.events[m].OwnTime()
				break
			}
		}
		return i.events[n].OwnTime().Sub(latest) > oneMinute
	}
	e, was, is := i.events[n], i.after[n-1].ResolutionDate, i.after[n].ResolutionDate
	return e.Transition == nil && !e.ResolutionChanged && !was.IsZero() && !is.IsZero() && was.Sub(is).Abs() > oneMinute &&
		!o.byStatus(i, before)
}

// byStatus reports whether an issue is resolved by one of jira.incidents.resolved_statuses that is not of category done.
func (o *oracle) byStatus(i *oracleIssue, r oracleResolution) bool {
	name := i.after[r.from].StatusName
	return listed(o.policy.Incidents.ResolvedStatuses, name) && !i.known[name]
}

// time returns when an issue was resolved; zero if that is unknown.
func (o *oracle) time(i *oracleIssue, r oracleResolution) time.Time {
	var turn, date, category time.Time
	var old time.Time // the date that was in the issue while it was open
	afterOpen := r.from > 0 && !o.isDone(i, r.from-1)
	if afterOpen {
		old = i.after[r.from-1].ResolutionDate
	}
	for n := r.from; n < r.to; n++ {
		e := i.events[n]
		if turn.IsZero() && o.turned(i, n) {
			turn = e.OwnTime()
		}
		isEdit := (e.Transition != nil || e.ResolutionChanged) && !o.turned(i, n)
		if d := i.after[n].ResolutionDate; date.IsZero() && !d.Equal(old) && (!isEdit || turn.IsZero() && category.IsZero()) {
			date = d
		}
		if category.IsZero() {
			category = e.StatusCategoryChanged
		}
	}
	first := i.events[r.from]
	switch {
	case o.byStatus(i, r) && !turn.IsZero():
		return turn
	case o.byStatus(i, r) && afterOpen && first.Event == "issue":
		return first.OwnTime()
	case o.byStatus(i, r):
		return time.Time{}
	case !date.IsZero() && turn.Sub(date) > oneMinute:
		return turn
	case !date.IsZero():
		return date
	case !category.IsZero():
		return category
	case !turn.IsZero():
		return turn
	case afterOpen && first.Event == "issue":
		return first.OwnTime()
	}
	return time.Time{}
}

// resolution returns when an issue was first resolved; zero if it never was, or at an unknown time.
func (o *oracle) resolution(id string) time.Time {
	for _, r := range o.resolutions(o.read(id)) {
		if r.counts {
			return r.at
		}
	}
	return time.Time{}
}

func (o *oracle) issue(id string) {
	i := o.read(id)
	if !slices.ContainsFunc(i.after, o.matches) {
		return
	}
	say := func(family string, c dora.IncidentChange, teams []string, value int64, more ...string) {
		for _, team := range teams {
			o.add(family, value, append(more, "project", c.Project, "priority", cmp.Or(c.Priority, "Unknown"), "team", team)...)
		}
	}
	o.sayOpened(i, say)
	last := len(i.after) - 1
	newest, teams := i.after[last], i.teams[last]
	if !i.deleted && !o.isDone(i, last) && o.matches(newest) {
		say("dora_incidents_open", newest, teams, 1)
	}
	all := slices.DeleteFunc(o.resolutions(i), func(r oracleResolution) bool { return !r.counts })
	if len(all) > 0 {
		resolved, _ := o.known(i, all[0].shown)
		owners := i.teams[all[0].shown]
		switch end := all[0].at; {
		case end.IsZero():
			say("dora_incident_recovery_unavailable_total", resolved, owners, 1, "reason", "unknown_resolution")
		case i.created.IsZero():
			say("dora_incident_recovery_unavailable_total", resolved, owners, 1, "reason", "no_creation")
		case end.Before(i.created):
			say("dora_incident_recovery_unavailable_total", resolved, owners, 1, "reason", "before_creation")
		default:
			say("dora_incident_recovery_seconds", resolved, owners, end.Sub(i.created).Milliseconds())
		}
	}
	o.blame(id, i, teams)
}

// sayOpened says under which labels an incident was opened: those at its creation.
func (o *oracle) sayOpened(i *oracleIssue, say func(family string, c dora.IncidentChange, teams []string, value int64, more ...string)) {
	c, teams := o.known(i, max(0, slices.IndexFunc(i.events, func(e dora.IncidentChange) bool { return e.Event == "jira:issue_created" })))
	say("dora_incidents_opened_total", c, teams, 1)
}

// known returns an issue after an event and its teams. Of what the events up to it did not tell, it has what was told first afterwards.
func (o *oracle) known(i *oracleIssue, event int) (c dora.IncidentChange, teams []string) {
	c, teams = i.after[event], i.teams[event]
	has := func(n int, value bool, field string) bool {
		return value || slices.Contains(i.events[n].Cleared, field)
	}
	knowsPriority, knowsTeams := false, false
	for n := range i.events {
		e := i.events[n]
		if has(n, e.Priority != "", "priority") && !knowsPriority {
			knowsPriority = true
			if n > event {
				c.Priority = e.Priority
			}
		}
		if has(n, len(e.Teams) > 0, "teams") && !knowsTeams {
			knowsTeams = true
			if n > event && len(e.Teams) > 0 {
				teams = e.Teams
			}
		}
	}
	return c, teams
}
