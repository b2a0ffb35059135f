package report

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"dora-exporter/dora"
)

// Line is a measure in words.
type Line struct {
	Measure, Value, Observations string
	// Band is empty if there is none, and then NoBand says why.
	Band   Band
	NoBand string
}

// band returns the band, or why there is none.
func (l Line) band() string { return cmp.Or(string(l.Band), l.NoBand) }

// Lines returns the five measures of a row in words.
func (r Row) Lines() []Line {
	leadTime := Span(r.LeadTime.Value)
	if r.LeadTime.Observations > 0 {
		leadTime = fmt.Sprintf("median %s, 85%% in %s", leadTime, Span(r.LeadTime85))
	}
	recovery := Span(r.Recovery.Value)
	if r.Recovery.Observations > 0 {
		recovery = "median " + recovery
	}
	changes, recoveries := count(r.LeadTime.Observations, "change", "changes"), count(r.Recovery.Observations, "recovery", "recoveries")
	if r.WithoutLeadTime > 0 {
		changes += fmt.Sprintf(", %d more without a lead time", r.WithoutLeadTime)
	}
	if r.Unrepaired > 0 {
		recoveries += fmt.Sprintf(", %d not repaired yet", r.Unrepaired)
	}
	lines := []Line{
		{Measure: "deployment frequency", Value: frequency(r.Frequency.Value), Observations: count(r.Frequency.Observations, "deployment", "deployments")},
		{Measure: "lead time for changes", Value: leadTime, Observations: changes},
		{Measure: "change failure rate", Value: percent(r.FailureRate), Observations: fmt.Sprintf("%d of %d", r.Failures, r.FailureRate.Observations)},
		{Measure: "failed deployment recovery time", Value: recovery, Observations: recoveries},
		{Measure: "rework rate", Value: percent(r.Rework), Observations: fmt.Sprintf("%d of %d", r.Repairs, r.Rework.Observations)},
	}
	for i, m := range []Measure{r.Frequency, r.LeadTime, r.FailureRate, r.Recovery, r.Rework} {
		lines[i].Band, lines[i].NoBand = m.Band, noBand(m)
	}
	lines[len(lines)-1].NoBand = noReworkBand(r.Rework)
	return lines
}

// noBand returns why a measure has no band; empty if it has one.
func noBand(m Measure) string {
	if m.Band != "" {
		return ""
	}
	return fmt.Sprintf("too few (%d)", m.Observations)
}

// noReworkBand returns why the rework rate has no band.
func noReworkBand(m Measure) string {
	if m.Observations < MinObservations {
		return noBand(m)
	}
	return "no agreed bands"
}

// count returns a number with its noun.
func count(n int, singular, plural string) string {
	if n == 1 {
		return "1 " + singular
	}
	return strconv.Itoa(n) + " " + plural
}

func percent(m Measure) string {
	if m.Observations == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*m.Value)
}

// frequency is in deployments a day, a week or a month of 30 days: the first of them that gives at least one.
func frequency(perDay float64) string {
	switch {
	case perDay >= 1:
		return fmt.Sprintf("%.1f a day", perDay)
	case perDay >= 1./7:
		return fmt.Sprintf("%.1f a week", 7*perDay)
	}
	return fmt.Sprintf("%.1f a month", 30*perDay)
}

// Span writes a time span in its two largest units; - for NaN.
func Span(seconds float64) string {
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

// heading says what a report is about.
func heading(r Report) string {
	return fmt.Sprintf("Deployments to production from %s to %s (%s)", r.From.UTC().Format(time.RFC3339), r.To.UTC().Format(time.RFC3339),
		Span(r.To.Sub(r.From).Seconds()))
}

const (
	noRows            = "There are none: environments.production selects the environments that count as production."
	noDifferencesText = "Over all time, all events give the values that /metrics has."
	differencesFollow = "Over all time, all events give other values than /metrics has (some events were late or are not evaluated yet, or the configuration has changed):"
)

// environments lists the environments; empty if there are none.
func environments(r Report) string {
	var production, others []string
	for _, e := range r.Environments {
		if e.Production {
			production = append(production, dora.Escape(e.Name))
		} else {
			others = append(others, dora.Escape(e.Name))
		}
	}
	if len(r.Environments) == 0 {
		return ""
	}
	return fmt.Sprintf("Environments of production: %s. Others: %s.", list(production), list(others))
}

// maxEnvironments limits how many environments are listed: some live as long as a pull request.
const maxEnvironments = 50

// list joins names; none if there are none.
func list(names []string) string {
	if more := len(names) - maxEnvironments; more > 0 {
		names = append(names[:maxEnvironments], fmt.Sprintf("%d more", more))
	}
	return cmp.Or(strings.Join(names, ", "), "none")
}

// unsettled says that evaluations are still to be made; empty if there are none.
func unsettled(r Report) string {
	if r.Unsettled == 0 {
		return ""
	}
	return fmt.Sprintf("Not evaluated yet: %d. What follows from them is not on /metrics yet.", r.Unsettled)
}

// noDifferences says why a report lists no differences.
func noDifferences(r Report) string {
	if r.CompleteFrom.IsZero() {
		return noDifferencesText
	}
	return "The history is complete for events that arrived after " + dora.FormatTime(r.CompleteFrom) + "; storage.retention has removed earlier ones."
}
