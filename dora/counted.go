package dora

import (
	"maps"
	"slices"
	"time"
)

// Counted are deployments to production with what was counted of them: the measures of a time are worked out of those that
// were done in it, without all that was before.
type Counted struct {
	Deployments []CountedDeployment
	// First is when the first success of all was; zero when there is none.
	First time.Time
	// From is when the oldest of Deployments may be from: later than was asked for when there were too many.
	From time.Time
	// Teams is how many teams there are, those included whose deployments were left out since there are so many teams.
	Teams int
}

// CountedDeployment is one that succeeded.
type CountedDeployment struct {
	Tracked
	// Changes are those that reached the environment with it for the first time.
	Changes []Change
	// Mark says that it turned out bad; nil when it did not.
	Mark *Mark
	// Repaired is the cause for which it is rework; empty when it is none.
	Repaired Cause
}

// CountedReport works the measures of the teams out of what was counted: they are those of /metrics. Report goes by all
// events instead, also those that came too late.
func (p Policy) CountedReport(c Counted, o ReportOptions) Report {
	r := Report{From: o.from(c.First), To: o.Now}
	if r.From.Before(c.From) {
		r.From = c.From
	}
	rows := map[string][]*finding{}
	for _, d := range c.Deployments {
		name := o.row(scopeLabels(d.Deployment, d.Team))
		rows[name] = append(rows[name], &finding{Tracked: d.Tracked, changes: d.Changes, mark: d.Mark, repaired: d.Repaired})
	}
	r.Rows = p.rows(rows, r, o)
	return r
}

// rows measures each of them, in the order of their names.
func (p Policy) rows(all map[string][]*finding, r Report, o ReportOptions) []Row {
	var rows []Row
	for _, name := range slices.Sorted(maps.Keys(all)) {
		row := p.row(name, all[name], r.From, r.To)
		row.Weeks = p.weeks(name, all[name], r, o.Weeks)
		rows = append(rows, row)
	}
	return rows
}
