package report

import (
	"maps"
	"math"
	"slices"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/rules"
)

// summary has the days and counts from which a report is computed.
type summary struct {
	// days calls each for the days to production in the time of the report and its weeks, at least. It returns when the first outcome
	// was, or another time before the report's if that was; zero if there is none.
	days func(each func(dora.MeasuredDay)) (first time.Time, err error)
	// counts has what all deployments count for, over all time.
	counts map[dora.Owned]dora.Counts
	// newest returns the newest deployment of some.
	newest func(dora.Owned) (dora.Moment, error)
}

// start returns the time from which a report needs days.
func (o Options) start() time.Time {
	from, weeks := o.Now.Add(-o.Since), o.Now.Add(-time.Duration(o.Weeks)*week)
	if weeks.Before(from) {
		return weeks
	}
	return from
}

// summarize returns the summary of all deployments.
func summarize(p dora.Policy, all []*dora.CountedDeployment) summary {
	s := summary{counts: map[dora.Owned]dora.Counts{}}
	newest, days, first := map[dora.Owned]dora.Moment{}, map[dora.DayKey][]dora.Measured{}, time.Time{}
	for _, d := range all {
		if len(d.Outcomes) == 0 {
			continue
		}
		for _, m := range dora.ByOwner(d.DeploymentRecord, rules.Measure(p, *d)) {
			key := dora.DayKey{Owned: m.Owned, Date: dora.DayOf(m.At)}
			if s.counts[key.Owned] == nil {
				s.counts[key.Owned] = dora.Counts{}
			}
			s.counts[key.Owned].Add(m.Measured, 1)
			days[key] = append(days[key], m.Measured)
			if newest[key.Owned].Before(moment(m.Measured)) {
				newest[key.Owned] = moment(m.Measured)
			}
			if first.IsZero() || m.First.Before(first) {
				first = m.First
			}
		}
	}
	s.days = func(each func(dora.MeasuredDay)) (time.Time, error) {
		for key, deployments := range days {
			each(dora.MeasuredDay{DayKey: key, Deployments: deployments})
		}
		return first, nil
	}
	s.newest = func(o dora.Owned) (dora.Moment, error) { return newest[o], nil }
	return s
}

// moment returns what orders a deployment among others.
func moment(m dora.Measured) dora.Moment {
	if !m.Succeeded {
		return dora.Moment{ID: m.ID}
	}
	return dora.Moment{At: m.At, ID: m.ID}
}

// madeDays are stored days with those that were made anew in memory in the place of stale ones.
type madeDays struct {
	dora.StoredDays
	made *rules.Days
	// isStale is true if some are still stale.
	isStale bool
}

// readDays returns the days of a store. It makes stale ones anew, for about as much work as a number of deployments is.
func readDays(p dora.Policy, s dora.StoredDays, work int) (madeDays, error) {
	days := rules.NewDays(p, s, rules.DaysAtOnce)
	stale, err := days.MakeSome(work)
	return madeDays{s, days, stale}, err
}

// summary returns the summary that a report needs.
func (m madeDays) summary(o Options) (s summary, err error) {
	if s.counts, err = m.OwnedCounts(); err != nil {
		return s, err
	}
	for owned, change := range m.made.ChangedCounts() {
		if s.counts[owned] == nil {
			s.counts[owned] = dora.Counts{}
		}
		s.counts[owned].Merge(change)
	}
	maps.DeleteFunc(s.counts, func(_ dora.Owned, c dora.Counts) bool { return c.Deployments() == 0 })
	s.days = func(each func(dora.MeasuredDay)) (time.Time, error) { return m.days(dora.DayOf(o.start()), each) }
	s.newest = m.newest
	return s, nil
}

// days is the days of a summary, from a date on.
func (m madeDays) days(from int64, each func(dora.MeasuredDay)) (first time.Time, err error) {
	first, isEarlier, err := m.before(from)
	if err != nil {
		return first, err
	}
	err = m.since(from, isEarlier, func(day dora.MeasuredDay) { // the first outcome may be in any environment
		each(day)
		for _, d := range day.Deployments {
			if !isEarlier && (first.IsZero() || d.First.Before(first)) {
				first = d.First
			}
		}
	})
	return first, err
}

// since calls each for the days from a date on, those of production or all.
func (m madeDays) since(date int64, production bool, each func(dora.MeasuredDay)) error {
	err := m.Since(date, production, func(day dora.MeasuredDay) {
		if !m.made.IsChanged(day.DayKey) {
			each(day)
		}
	})
	for day := range m.made.Changed() {
		if day.Date >= date && (day.Production || !production) {
			each(day)
		}
	}
	return err
}

// before returns the time of a day before a date; false if there is none.
func (m madeDays) before(date int64) (time.Time, bool, error) {
	for day := range m.made.Changed() {
		if day.Date < date && len(day.Deployments) > 0 {
			return startOf(day.Date), true, nil
		}
	}
	oldest, err := m.OldestDays()
	if err != nil {
		return time.Time{}, false, err
	}
	for owned, first := range oldest {
		if first >= date {
			continue
		}
		if !m.made.IsChanged(dora.DayKey{Owned: owned, Date: first}) {
			return startOf(first), true, nil
		}
		days, err := m.Days(owned.Scope, first, date-1)
		if err != nil {
			return time.Time{}, false, err
		}
		for _, day := range days {
			if !m.made.IsChanged(day.DayKey) {
				return startOf(day.Date), true, nil
			}
		}
	}
	return time.Time{}, false, nil
}

// startOf returns the first instant of a day.
func startOf(date int64) time.Time { return time.Unix(date*int64(day/time.Second), 0).UTC() }

// newest returns the newest deployment of some.
func (m madeDays) newest(o dora.Owned) (newest dora.Moment, err error) {
	days, err := m.Days(o.Scope, math.MinInt64, math.MaxInt64)
	days = slices.DeleteFunc(days, func(day dora.MeasuredDay) bool { return m.made.IsChanged(day.DayKey) })
	for _, day := range slices.AppendSeq(days, m.made.Changed()) {
		if day.Owned != o {
			continue
		}
		for _, d := range day.Deployments {
			if newest.Before(moment(d)) {
				newest = moment(d)
			}
		}
	}
	return newest, err
}
