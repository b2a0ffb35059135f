package rules

import (
	"maps"
	"slices"

	"dora-exporter/dora"
)

// CountedReport works the measures of the teams out of what was counted: they are those of /metrics. Report goes by all
// events instead, also those that came too late.
func (p Policy) CountedReport(c dora.Counted, o ReportOptions) Report {
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
