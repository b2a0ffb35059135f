package report

import (
	"context"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"dora-exporter/dora"
)

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// Report is the five DORA measures of each team or repository.
type Report struct {
	// From and To are the time that it is about. From is later than was asked for when the first event is.
	From, To time.Time
	// Rows has a row for each team or repository that has deployed to production, sorted by name.
	Rows []Row
	// Differences are the series whose values on /metrics differ from what all events give, over all time.
	Differences []Difference
	// Environments are those that deployments have gone to, over all time.
	Environments []dora.Environment
	// CompleteFrom is when the last of the events arrived that have been removed; zero if all are there. Without them, there is nothing to
	// compare /metrics with, so Differences is nil.
	CompleteFrom time.Time
	// Unsettled counts the evaluations that are still to be made: what follows from them is on /metrics later.
	Unsettled int
}

// Options say what a report is about.
type Options struct {
	// Now is its end, and Since how long before that it begins.
	Now   time.Time
	Since time.Duration
	// ByRepository gives a row for each repository instead of each team.
	ByRepository bool
	// Weeks is how many of the last weeks each row also has one by one.
	Weeks int
}

// FromEvents computes the measures from all stored events.
func FromEvents(ctx context.Context, r Reader, p dora.Policy, o Options) (Report, error) {
	facts := NewTally(o)
	records, err := r.Records(ctx, facts.Add, ComparedFamilies()...)
	if err != nil {
		return Report{}, err
	}
	return FromRecords(p, records, facts, o)
}

// FromRecords computes the measures from records. facts has the facts of the families of ComparedFamilies.
func FromRecords(p dora.Policy, records dora.Records, facts *Tally, o Options) (Report, error) {
	all, err := outcomes(p, records)
	if err != nil {
		return Report{}, err
	}
	r := Report{From: o.begin(firstOutcome(records)), To: o.Now, Unsettled: records.Unsettled}
	r.Environments = records.Environments
	r.Rows = measureAll(p, o.group(all), r, o)
	if r.CompleteFrom = records.Removal.Before; r.CompleteFrom.IsZero() {
		r.Differences = differences(p, all, facts, o)
	}
	return r, nil
}

// Limits bound what FromCounted reads.
type Limits struct{ Teams, Deployments int }

// CountedReport is a report with how much of the data it leaves out.
type CountedReport struct {
	Report
	// MoreTeams counts the teams that are left out.
	MoreTeams int
	// Shortened is true if the report begins later because there are too many deployments.
	Shortened bool
}

// FromCounted computes the measures from what was counted: they are those of /metrics, so that late events are missing.
func FromCounted(ctx context.Context, reader Reader, p dora.Policy, limits Limits, o Options) (CountedReport, error) {
	since := o.Now.Add(-o.Since)
	c, err := reader.Counted(ctx, since, limits.Teams, limits.Deployments)
	if err != nil {
		return CountedReport{}, err
	}
	r := Report{From: o.begin(c.First), To: o.Now}
	if r.From.Before(c.From) {
		r.From = c.From
	}
	all := make([]*dora.CountedDeployment, len(c.Deployments))
	for i := range c.Deployments {
		all[i] = &c.Deployments[i]
	}
	r.Rows = measureAll(p, o.group(all), r, o)
	return CountedReport{Report: r, MoreTeams: max(0, c.Teams-limits.Teams), Shortened: c.From.After(since)}, nil
}

// measureAll measures each row, in the order of the names.
func measureAll(p dora.Policy, all map[string][]*dora.CountedDeployment, r Report, o Options) []Row {
	var rows []Row
	for _, name := range slices.Sorted(maps.Keys(all)) {
		row := measureRow(p, name, all[name], r.From, r.To)
		row.Weeks = weeks(p, name, all[name], r, o.Weeks)
		rows = append(rows, row)
	}
	return rows
}

// weeks measures the last n weeks of a report one by one.
func weeks(p dora.Policy, name string, all []*dora.CountedDeployment, r Report, n int) []Row {
	var rows []Row
	for ; n > 0; n-- {
		to := r.To.Add(-time.Duration(n-1) * week)
		from := to.Add(-week + time.Nanosecond) // a success on the border belongs to the week before
		row := measureRow(p, name, all, from, to)
		if to.Before(r.From) {
			row = measureRow(p, name, nil, from, to)
			row.Frequency.Value = math.NaN()
		}
		rows = append(rows, row)
	}
	return rows
}

// begin returns when the report begins: not before the first event, but a day before its end at the latest, so that a few
// deployments of the first hours don't make hundreds a day.
func (o Options) begin(first time.Time) time.Time {
	from, latest := o.Now.Add(-o.Since), o.Now.Add(-day)
	if first.IsZero() || latest.Before(first) {
		first = latest
	}
	if from.Before(first) {
		return first
	}
	return from
}

// firstOutcome returns when the first outcome was; zero when there is none.
func firstOutcome(records dora.Records) (first time.Time) {
	for _, t := range records.Deployments {
		if len(t.Outcomes) > 0 && (first.IsZero() || t.Outcomes[0].At.Before(first)) {
			first = t.Outcomes[0].At
		}
	}
	return first
}

// group returns the deployments to production by the name of their row. A repository that was renamed is one row, under the name of its
// newest deployment.
func (o Options) group(all []*dora.CountedDeployment) map[string][]*dora.CountedDeployment {
	newest := map[string]*dora.CountedDeployment{}
	for _, d := range all {
		if other := newest[d.RepositoryKey()]; d.InProduction && (other == nil || other.Moment().Before(d.Moment())) {
			newest[d.RepositoryKey()] = d
		}
	}
	rows := map[string][]*dora.CountedDeployment{}
	for _, d := range all {
		if !d.InProduction {
			continue
		}
		name := o.row(d.Labels())
		if o.ByRepository {
			name = o.row(newest[d.RepositoryKey()].Labels())
		}
		rows[name] = append(rows[name], d)
	}
	return rows
}

// row returns the name of the row that a series belongs to. Repositories whose names differ in upper and lower case alone are
// the same.
func (o Options) row(labels dora.Labels) string {
	if o.ByRepository {
		return strings.ToLower(labels["owner"] + "/" + labels["repo"])
	}
	return labels["team"]
}
