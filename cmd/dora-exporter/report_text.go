package main

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"time"

	"dora-exporter/dora/rules"
)

// line is a measure as people read it.
type line struct {
	measure, value, band, observations string
}

// lines are the measures of a row.
func lines(r rules.Row) []line {
	leadTime := humanSeconds(r.LeadTime.Value)
	if r.LeadTime.Observations > 0 {
		leadTime = fmt.Sprintf("median %s, 85%% in %s", leadTime, humanSeconds(r.LeadTime85))
	}
	recovery := humanSeconds(r.Recovery.Value)
	if r.Recovery.Observations > 0 {
		recovery = "median " + recovery
	}
	changes, recoveries := count(r.LeadTime.Observations, "change", "changes"), count(r.Recovery.Observations, "recovery", "recoveries")
	if r.WithoutLeadTime > 0 {
		changes += fmt.Sprintf(", %d more without a lead time", r.WithoutLeadTime)
	}
	if r.Unrepaired > 0 {
		recoveries += fmt.Sprintf(", %d still to be repaired", r.Unrepaired)
	}
	return []line{
		{"deployment frequency", humanFrequency(r.Frequency.Value), band(r.Frequency), count(r.Frequency.Observations, "deployment", "deployments")},
		{"lead time for changes", leadTime, band(r.LeadTime), changes},
		{"change failure rate", percent(r.FailureRate), band(r.FailureRate), fmt.Sprintf("%d of %d", r.Failures, r.FailureRate.Observations)},
		{"failed deployment recovery time", recovery, band(r.Recovery), recoveries},
		{"rework rate", percent(r.Rework), reworkBand(r.Rework), fmt.Sprintf("%d of %d", r.Repairs, r.Rework.Observations)},
	}
}

// band is that of a measure, or why it has none.
func band(m rules.Measure) string {
	return cmp.Or(string(m.Band), fmt.Sprintf("too few (%d)", m.Observations))
}

// noBands says why the rework rate has no band.
const noBands = "no agreed bands"

func reworkBand(m rules.Measure) string {
	if m.Observations < rules.Enough {
		return band(m)
	}
	return noBands
}

// count says how many there are of something.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

func percent(m rules.Measure) string {
	if m.Observations == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*m.Value)
}

// humanFrequency is in deployments a day, a week or a month of 30 days, whichever is the first to be one at least.
func humanFrequency(perDay float64) string {
	switch {
	case perDay >= 1:
		return fmt.Sprintf("%.1f a day", perDay)
	case perDay >= 1./7:
		return fmt.Sprintf("%.1f a week", 7*perDay)
	}
	return fmt.Sprintf("%.1f a month", 30*perDay)
}

// humanSeconds is a time span in its two largest units; - for none.
func humanSeconds(seconds float64) string {
	if math.IsNaN(seconds) {
		return "-"
	}
	left := time.Duration(seconds * float64(time.Second)).Round(time.Second)
	units := []struct {
		name string
		time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}
	for i, u := range units {
		if left < u.Duration && u.name != "s" {
			continue
		}
		text := fmt.Sprintf("%d%s", left/u.Duration, u.name)
		if i+1 < len(units) {
			next := units[i+1]
			text += fmt.Sprintf("%d%s", left%u.Duration/next.Duration, next.name)
		}
		return text
	}
	return ""
}

// span says what a report is about.
func span(r rules.Report) string {
	return fmt.Sprintf("Deployments to production from %s to %s (%s)", r.From.UTC().Format(time.RFC3339), r.To.UTC().Format(time.RFC3339),
		humanSeconds(r.To.Sub(r.From).Seconds()))
}

const (
	noRows        = "There is none: environments.production says which environments are those of production."
	noDifferences = "Over all time, the events give what /metrics has."
	differences   = "Over all time, the events give other values than /metrics has (some came late or are still to be settled, or the configuration has changed):"
)

// unsettled says that something is still to come.
func unsettled(r rules.Report) string {
	if r.Unsettled == 0 {
		return ""
	}
	return fmt.Sprintf("Still to be settled: %d. What follows from that is not on /metrics yet.", r.Unsettled)
}
