package rules

import (
	"math"
	"strings"
	"time"

	"dora-exporter/dora"
)

// Report is the five measures of DORA, worked out of all events.
type Report struct {
	// From and To are the time that it is about. From is later than was asked for when the first event is.
	From, To time.Time
	// Rows are one for each team or repository that has deployed to production, in the order of their names.
	Rows []Row
	// Differences are where /metrics has other values than all events give, over all time.
	Differences []Difference
	// Unsettled is how many things are still to be looked at: they are on /metrics later.
	Unsettled int
}

// Row is the measures of a team or repository. All are about the deployments that were done in the report's time: how
// many, what they shipped, which of them turned out bad and when these were repaired, which of them repaired others.
type Row struct {
	// Name is the team, or owner/repo.
	Name string
	// Frequency is in deployments a day, LeadTime and Recovery are medians in seconds, FailureRate and Rework are shares.
	Frequency, LeadTime, FailureRate, Recovery, Rework Measure
	// LeadTime85 is the 85th percentile, in seconds.
	LeadTime85 float64
	// WithoutLeadTime are changes whose lead time can't be had; Failures are deployments that turned out bad, Unrepaired those
	// of them that nothing has repaired; Repairs are deployments that are rework.
	WithoutLeadTime, Failures, Unrepaired, Repairs int
	// Causes are the failures by cause.
	Causes map[dora.Cause]int
	// Weeks are the measures of the last weeks, seven days each, the oldest first, as many as were asked for. What the report
	// is not about has no deployments and a frequency of NaN.
	Weeks []Row
}

// Measure is a value with what it stands on.
type Measure struct {
	// Value is NaN when nothing can be said.
	Value float64
	// Observations are how many things it was measured on.
	Observations int
	// Band is empty when there are fewer than Enough observations, and when there are no agreed bands.
	Band Band
}

// ReportOptions say what a report is about.
type ReportOptions struct {
	// Now is its end, and Since how long before that it begins.
	Now   time.Time
	Since time.Duration
	// ByRepository gives a row for each repository instead of each team.
	ByRepository bool
	// Weeks is how many weeks each row also has one by one.
	Weeks int
}

// Report works the measures out of records. facts are those of the families that Compared names; they are what /metrics has.
func (p Policy) Report(records dora.Records, facts *Tally, o ReportOptions) (Report, error) {
	found, err := p.findings(records)
	if err != nil {
		return Report{}, err
	}
	r := Report{From: o.from(firstOutcome(records)), To: o.Now, Unsettled: records.Unsettled}
	rows := map[string][]*finding{}
	for _, f := range found {
		if name := o.row(scopeLabels(f.Deployment, f.Team)); f.InProduction {
			rows[name] = append(rows[name], f)
		}
	}
	r.Rows = p.rows(rows, r, o)
	r.Differences = p.differences(found, facts, o)
	return r, nil
}

// weeks measures the last weeks of a report one by one.
func (p Policy) weeks(name string, all []*finding, r Report, n int) []Row {
	var weeks []Row
	for ; n > 0; n-- {
		to := r.To.Add(-time.Duration(n-1) * 7 * dora.Day)
		from := to.Add(-7*dora.Day + time.Nanosecond) // what was done on the border belongs to the week before
		week := p.row(name, all, from, to)
		if to.Before(r.From) {
			week = p.row(name, nil, from, to)
			week.Frequency.Value = math.NaN()
		}
		weeks = append(weeks, week)
	}
	return weeks
}

// from is when the report begins: not before the first event, but for a day at least, so that a few deployments of the first
// hours don't make hundreds a day.
func (o ReportOptions) from(first time.Time) time.Time {
	from, latest := o.Now.Add(-o.Since), o.Now.Add(-dora.Day)
	if first.IsZero() || latest.Before(first) {
		first = latest
	}
	if from.Before(first) {
		return first
	}
	return from
}

// firstOutcome is when the first outcome was; zero when there is none.
func firstOutcome(r dora.Records) (first time.Time) {
	for _, t := range r.Deployments {
		if len(t.Outcomes) > 0 && (first.IsZero() || t.Outcomes[0].At.Before(first)) {
			first = t.Outcomes[0].At
		}
	}
	return first
}

// row names the row that a series belongs to. Repositories whose names differ in upper and lower case alone are the same.
func (o ReportOptions) row(labels dora.Labels) string {
	if o.ByRepository {
		return strings.ToLower(labels["owner"] + "/" + labels["repo"])
	}
	return labels["team"]
}
