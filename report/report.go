package report

import (
	"context"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/rules"
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
	// CompleteFrom is when the last of the events arrived that have been removed, if the report is computed without them; else it is zero.
	// Without them, there is nothing to compare /metrics with, so Differences is nil.
	CompleteFrom time.Time
	// Unsettled counts the evaluations that are still to be made: what follows from them is on /metrics later.
	Unsettled int
	// IsStale is true if deployments or incidents of the last seconds are still to be added.
	IsStale bool
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

// FromEvents computes the measures from all stored events: from the days that were made of them, or from all deployments if these are
// of another policy.
func FromEvents(ctx context.Context, r Reader, p dora.Policy, o Options) (report Report, err error) {
	return fromStore(ctx, r, p, o, math.MaxInt, true)
}

// MeasuresFromEvents computes a report without its differences. It adds events since the days were made, for about as much work as a number
// of deployments is, and leaves others to the next time: then the report IsStale.
func MeasuresFromEvents(ctx context.Context, r Reader, p dora.Policy, o Options, work int) (report Report, err error) {
	return fromStore(ctx, r, p, o, work, false)
}

func fromStore(ctx context.Context, r Reader, p dora.Policy, o Options, work int, compare bool) (report Report, err error) {
	isOfPolicy := false
	err = r.StoredDays(ctx, func(s dora.StoredDays) error {
		policy, err := s.Policy()
		if isOfPolicy = policy == rules.DaysPolicy(p); !isOfPolicy || err != nil {
			return err
		}
		report, err = fromDays(p, s, o, work, compare)
		return err
	})
	if err != nil || isOfPolicy {
		return report, err
	}
	facts, families := NewTally(o), ComparedFamilies()
	if !compare {
		families = nil
	}
	records, err := r.Records(ctx, facts.Add, families...)
	if err != nil {
		return Report{}, err
	}
	if report, err = FromRecords(p, records, facts, o); !compare {
		report.Differences = nil
	}
	return report, err
}

// fromDays computes a report from the days of a store.
func fromDays(p dora.Policy, stored dora.StoredDays, o Options, work int, compare bool) (Report, error) {
	days, err := readDays(p, stored, work)
	if err != nil {
		return Report{}, err
	}
	s, err := days.summary(o)
	if err != nil {
		return Report{}, err
	}
	r, err := o.report(s)
	if r.IsStale = days.isStale; err != nil {
		return r, err
	}
	if r.Environments, err = stored.Environments(); err != nil {
		return r, err
	}
	if r.Unsettled, err = stored.Unsettled(); err != nil || !compare {
		return r, err
	}
	facts := NewTally(o)
	err = stored.SeriesSums(facts.AddSum, ComparedFamilies()...)
	r.Differences = differences(s.counts, facts, o)
	return r, err
}

// FromRecords computes the measures from records. facts has the facts of the families of ComparedFamilies.
func FromRecords(p dora.Policy, records dora.Records, facts *Tally, o Options) (Report, error) {
	all, err := outcomes(p, records)
	if err != nil {
		return Report{}, err
	}
	s := summarize(p, all)
	r, err := o.report(s)
	r.Environments, r.Unsettled = records.Environments, records.Unsettled
	if r.CompleteFrom = records.Removal.Before; r.CompleteFrom.IsZero() {
		r.Differences = differences(s.counts, facts, o)
	}
	return r, err
}

// report computes the measures of a summary.
func (o Options) report(s summary) (Report, error) {
	names, err := o.names(s)
	if err != nil {
		return Report{}, err
	}
	rows := map[string]*rowObservations{}
	for _, name := range names {
		rows[name] = o.newRow()
	}
	first, err := s.days(func(day dora.MeasuredDay) {
		if name, ok := names[day.Owned]; ok {
			rows[name].add(day)
		}
	})
	r := Report{From: o.begin(first), To: o.Now}
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		r.Rows = append(r.Rows, rows[name].row(name, r.From))
	}
	return r, err
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

// names returns the names of the rows of what was deployed to production. A repository that was renamed is one row, under the name of
// its newest deployment.
func (o Options) names(s summary) (map[dora.Owned]string, error) {
	names, repositories := map[dora.Owned]string{}, map[string][]dora.Owned{}
	for owned := range s.counts {
		if owned.Production {
			names[owned] = o.row(owned.Labels())
			repository := dora.RepositoryOf(owned.Scope)
			repositories[repository] = append(repositories[repository], owned)
		}
	}
	for _, all := range repositories {
		if !o.ByRepository || !slices.ContainsFunc(all, func(other dora.Owned) bool { return names[other] != names[all[0]] }) {
			continue
		}
		var newest dora.Moment
		name := ""
		for _, owned := range all {
			m, err := s.newest(owned)
			if err != nil {
				return nil, err
			}
			if name == "" || newest.Before(m) {
				newest, name = m, names[owned]
			}
		}
		for _, owned := range all {
			names[owned] = name
		}
	}
	return names, nil
}

// row returns the name of the row that a series belongs to. Repositories whose names differ in upper and lower case alone are
// the same.
func (o Options) row(labels dora.Labels) string {
	if o.ByRepository {
		return strings.ToLower(labels["owner"] + "/" + labels["repo"])
	}
	return labels["team"]
}
