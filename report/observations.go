package report

import (
	"math"
	"time"

	"dora-exporter/dora"
)

// observations are those of the deployments that succeeded between two times, both inclusive. They take little memory: a report may
// be about all deployments of many years.
type observations struct {
	from, to time.Time

	deployments, withoutLeadTime, failures, unrepaired, repairs int

	causes map[dora.Cause]int
	// In seconds.
	leadTimes, recoveries []float64
}

func newObservations(from, to time.Time) *observations {
	return &observations{from: from, to: to, causes: map[dora.Cause]int{}}
}

func (o *observations) add(d dora.Measured) {
	if !d.Succeeded || d.At.Before(o.from) || d.At.After(o.to) {
		return
	}
	o.deployments++
	o.withoutLeadTime += d.WithoutLeadTime
	for _, ms := range d.LeadTimes {
		o.leadTimes = append(o.leadTimes, float64(ms)/1000)
	}
	if d.Cause != "" {
		o.failures++
		o.causes[d.Cause]++
		if d.IsRepaired && d.Recovery != dora.NoRecovery {
			o.recoveries = append(o.recoveries, float64(d.Recovery)/1000)
		}
		if !d.IsRepaired {
			o.unrepaired++
		}
	}
	if d.Rework != "" {
		o.repairs++
	}
}

// row returns the measures of the time from from.
func (o *observations) row(name string, from time.Time) Row {
	r := Row{
		Name: name, WithoutLeadTime: o.withoutLeadTime, Failures: o.failures, Unrepaired: o.unrepaired, Repairs: o.repairs, Causes: o.causes,
	}
	days := o.to.Sub(from).Hours() / 24
	r.Frequency = newMeasure(float64(o.deployments)/days, o.deployments, frequencyBand)
	r.LeadTime, r.LeadTime85 = newMeasure(quantile(o.leadTimes, 0.5), len(o.leadTimes), leadTimeBand), quantile(o.leadTimes, 0.85)
	r.FailureRate = newMeasure(float64(o.failures)/float64(o.deployments), o.deployments, failureBand)
	r.Recovery = newMeasure(quantile(o.recoveries, 0.5), len(o.recoveries), recoveryBand)
	r.Rework = newMeasure(float64(o.repairs)/float64(o.deployments), o.deployments, nil)
	return r
}

// rowObservations are those of a row, of all of the report's time and of its last weeks.
type rowObservations struct {
	all   *observations
	weeks []*observations
}

// newRow returns a row without observations. Its time is as long as was asked for: if the first event is later, there is nothing before.
func (o Options) newRow() *rowObservations {
	r := &rowObservations{all: newObservations(o.Now.Add(-o.Since), o.Now)}
	for n := o.Weeks; n > 0; n-- {
		to := o.Now.Add(-time.Duration(n-1) * week)
		r.weeks = append(r.weeks, newObservations(to.Add(-week+time.Nanosecond), to)) // a success on the border belongs to the week before
	}
	return r
}

func (r *rowObservations) add(day dora.MeasuredDay) {
	for _, d := range day.Deployments {
		r.all.add(d)
		for _, w := range r.weeks {
			w.add(d)
		}
	}
}

// row returns the row of a report that begins at a time.
func (r *rowObservations) row(name string, begin time.Time) Row {
	row := r.all.row(name, begin)
	for _, w := range r.weeks {
		measured := w.row(name, w.from)
		if w.to.Before(begin) {
			measured = newObservations(w.from, w.to).row(name, w.from)
			measured.Frequency.Value = math.NaN()
		}
		row.Weeks = append(row.Weeks, measured)
	}
	return row
}
