package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"dora-exporter/dora/rules"
	"dora-exporter/persistence"
)

const (
	// measuredOver is what the measures of the page are about, as those of report are unless asked otherwise.
	measuredOver = 90 * 24 * time.Hour
	weeksShown   = 12
	// mostTeams and mostDeployments bound what is read and shown.
	mostTeams       = 50
	mostDeployments = 20_000
)

// measures are those of all teams.
type measures struct {
	At, From time.Time
	Teams    []teamMeasures
	// MoreTeams is how many teams are left out; Cut is set when the time is shorter since there are so many deployments.
	MoreTeams int
	Cut       bool
}

// Days is what they are about, in words.
func (m measures) Days() string {
	return count(int(math.Round(m.At.Sub(m.From).Hours()/24)), "day", "days")
}

// Weeks is how many weeks are shown one by one.
func (measures) Weeks() int { return weeksShown }

type teamMeasures struct {
	Name     string
	Measures []measureShown
}

// measureShown is a measure as the page has it.
type measureShown struct {
	Name, Value, Observations string
	// Band is empty when there is none, and then NoBand says why.
	Band, NoBand string
	Trend        trend
}

// measuresOf works the measures out of what was counted up to a time.
func measuresOf(ctx context.Context, r *persistence.Reader, p rules.Policy, now time.Time) (m measures, err error) {
	counted, err := r.Counted(ctx, now.Add(-measuredOver), mostTeams, mostDeployments)
	if err != nil {
		return m, err
	}
	report := p.CountedReport(counted, rules.ReportOptions{Now: now, Since: measuredOver, Weeks: weeksShown})
	m = measures{At: now, From: report.From, MoreTeams: max(0, counted.Teams-mostTeams), Cut: counted.From.After(now.Add(-measuredOver))}
	for _, row := range report.Rows {
		m.Teams = append(m.Teams, teamMeasures{Name: row.Name, Measures: measuresShown(row, now)})
	}
	return m, nil
}

func measuresShown(row rules.Row, to time.Time) []measureShown {
	trends := []trend{
		trendOf("deployments a week", row, func(w rules.Row) float64 { return 7 * w.Frequency.Value }, func(v float64) string { return fmt.Sprintf("%.0f", v) }, to),
		trendOf("median lead time", row, func(w rules.Row) float64 { return w.LeadTime.Value }, humanSeconds, to),
		trendOf("change failure rate", row, func(w rules.Row) float64 { return w.FailureRate.Value }, share, to),
		trendOf("median recovery time", row, func(w rules.Row) float64 { return w.Recovery.Value }, humanSeconds, to),
		trendOf("rework rate", row, func(w rules.Row) float64 { return w.Rework.Value }, share, to),
	}
	bands := []rules.Band{row.Frequency.Band, row.LeadTime.Band, row.FailureRate.Band, row.Recovery.Band, row.Rework.Band}
	var all []measureShown
	for i, l := range lines(row) {
		shown := measureShown{Name: l.measure, Value: l.value, Observations: l.observations, Band: string(bands[i]), Trend: trends[i]}
		if shown.Band == "" {
			shown.NoBand = l.band
		}
		all = append(all, shown)
	}
	return all
}

func share(v float64) string { return fmt.Sprintf("%.0f%%", 100*v) }
