package report

import "time"

// Band is one of DORA's levels of software delivery performance.
type Band string

// The bands, the best first.
const (
	Elite  Band = "elite"
	High   Band = "high"
	Medium Band = "medium"
	Low    Band = "low"
)

// MinObservations is how many observations a measure must have for a band.
const MinObservations = 5

// month is the length that the limits take a month for.
const month = 30 * day

// bandLimits are the values that a measure must reach for each band; a value on a limit reaches it, and one that reaches none
// is low. They are from the table of performance levels in DORA's Accelerate State of DevOps Report 2023
// (https://dora.dev/research/2023/dora-report/), where "on demand" is taken as at least once a day. The report of 2024 has the
// same frequencies and lead times; its change failure rates are in no order (high 20 %, medium 10 %).
var bandLimits = []struct {
	Band
	perDay             float64 // deployments, at least
	leadTime, recovery time.Duration
	failureRate        float64
}{
	{Elite, 1, day, time.Hour, 0.05},
	{High, 1. / 7, 7 * day, day, 0.10},
	{Medium, 1. / 30, month, 7 * day, 0.15},
}

func frequencyBand(perDay float64) Band {
	for _, l := range bandLimits {
		if perDay >= l.perDay {
			return l.Band
		}
	}
	return Low
}

func leadTimeBand(seconds float64) Band {
	for _, l := range bandLimits {
		if seconds <= l.leadTime.Seconds() {
			return l.Band
		}
	}
	return Low
}

func recoveryBand(seconds float64) Band {
	for _, l := range bandLimits {
		if seconds <= l.recovery.Seconds() {
			return l.Band
		}
	}
	return Low
}

func failureBand(rate float64) Band {
	for _, l := range bandLimits {
		if rate <= l.failureRate {
			return l.Band
		}
	}
	return Low
}
