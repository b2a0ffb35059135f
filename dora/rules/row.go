package rules

import (
	"math"
	"slices"
	"time"

	"dora-exporter/dora"
)

// row measures what was done from a time up to another.
func (p Policy) row(name string, all []*finding, from, to time.Time) Row {
	r := Row{Name: name, Causes: map[dora.Cause]int{}}
	deployments := 0
	var leadTimes, recoveries []float64
	for _, f := range all {
		done := f.Succeeded()
		if done.IsZero() || done.Before(from) || done.After(to) {
			continue
		}
		deployments++
		for _, c := range f.changes {
			if ms, reason := p.leadTime(c, done); reason == "" {
				leadTimes = append(leadTimes, float64(ms)/1000)
			} else {
				r.WithoutLeadTime++
			}
		}
		if f.mark != nil {
			r.Failures++
			r.Causes[f.mark.Cause]++
			if ms, repaired := f.recovery(); repaired {
				recoveries = append(recoveries, float64(ms)/1000)
			}
			if f.mark.RepairedAt.IsZero() {
				r.Unrepaired++
			}
		}
		if f.repaired != "" {
			r.Repairs++
		}
	}
	days := to.Sub(from).Hours() / 24
	r.Frequency = measure(float64(deployments)/days, deployments, frequencyBand)
	r.LeadTime, r.LeadTime85 = measure(quantile(leadTimes, 0.5), len(leadTimes), leadTimeBand), quantile(leadTimes, 0.85)
	r.FailureRate = measure(float64(r.Failures)/float64(deployments), deployments, failureBand)
	r.Recovery = measure(quantile(recoveries, 0.5), len(recoveries), recoveryBand)
	r.Rework = measure(float64(r.Repairs)/float64(deployments), deployments, nil)
	return r
}

func measure(value float64, observations int, band func(float64) Band) Measure {
	m := Measure{Value: value, Observations: observations}
	if observations >= Enough && band != nil {
		m.Band = band(value)
	}
	return m
}

// leadTime is that of a change in milliseconds, or the reason why it has none.
func (p Policy) leadTime(c dora.Change, done time.Time) (ms int64, reason string) {
	if p.ignores(c.Author) {
		return 0, dora.ReasonIgnoredAuthor
	}
	return c.Until(done)
}

// recovery is the time from the success to the repair in milliseconds; false while nothing has repaired it.
func (f *finding) recovery() (ms int64, known bool) {
	if f.mark == nil || f.mark.RepairedAt.IsZero() {
		return 0, false
	}
	ms = f.mark.RepairedAt.UnixMilli() - f.Succeeded().UnixMilli()
	return ms, ms >= 0
}

// quantile is that of values, between the two nearest ones in proportion, so that the half is the usual median; NaN without
// values.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	at := q * float64(len(values)-1)
	below := int(at)
	above := min(below+1, len(values)-1)
	return values[below] + (at-float64(below))*(values[above]-values[below])
}
