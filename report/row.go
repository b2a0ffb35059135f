package report

import (
	"math"
	"slices"

	"dora-exporter/dora"
)

// Row has the measures of a team or repository. They are about the deployments that succeeded in the report's time: how many,
// what they shipped, which of them are failed changes and when these were repaired, which of them repaired others.
type Row struct {
	// Name is the team, or owner/repo.
	Name string
	// Frequency is in deployments a day, LeadTime and Recovery are medians in seconds, FailureRate and Rework are ratios.
	Frequency, LeadTime, FailureRate, Recovery, Rework Measure
	// LeadTime85 is the 85th percentile, in seconds.
	LeadTime85 float64
	// WithoutLeadTime counts changes without a lead time, Failures failed changes, Unrepaired those of them that are not
	// repaired yet, Repairs the deployments that are rework.
	WithoutLeadTime, Failures, Unrepaired, Repairs int
	// Causes counts the failed changes by cause.
	Causes map[dora.Cause]int
	// Weeks has the measures of the last weeks, seven days each, the oldest first, as many as were asked for. A week before
	// the report's time has no deployments and a frequency of NaN.
	Weeks []Row
}

// Measure is a value with the number of observations behind it.
type Measure struct {
	// Value is NaN without observations.
	Value        float64
	Observations int
	// Band is empty when there are fewer than MinObservations, and when there are no agreed bands.
	Band Band
}

func newMeasure(value float64, observations int, band func(float64) Band) Measure {
	m := Measure{Value: value, Observations: observations}
	if observations >= MinObservations && band != nil {
		m.Band = band(value)
	}
	return m
}

// quantile returns a quantile of values, interpolated between the two nearest ones, so that 0.5 gives the usual median; NaN
// without values.
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
