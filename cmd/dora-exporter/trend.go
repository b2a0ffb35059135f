package main

import (
	"fmt"
	"math"
	"strings"
	"time"

	"dora-exporter/dora/rules"
)

// trend is a row of bars, one for each week. All that is drawn are numbers that are made here.
type trend struct {
	Width, Height int
	// Label says the same in words.
	Label string
	Bars  []bar
}

type bar struct {
	X, Y, Width, Height int
	Title               string
}

const barWidth, barGap, barsHeight, lowestBar = 10, 3, 36, 2

// trendOf draws a measure of each week, the highest week as high as there is room. A week in which nothing was measured has no
// bar.
func trendOf(name string, row rules.Row, value func(rules.Row) float64, words func(float64) string, to time.Time) trend {
	t := trend{Width: len(row.Weeks)*(barWidth+barGap) - barGap, Height: barsHeight}
	highest := 0.0
	for _, week := range row.Weeks {
		if v := value(week); v > highest && !math.IsInf(v, 1) {
			highest = v
		}
	}
	said := make([]string, len(row.Weeks))
	for i, week := range row.Weeks {
		v := value(week)
		if math.IsNaN(v) || math.IsInf(v, 0) {
			said[i] = "none"
			continue
		}
		said[i] = words(v)
		height := lowestBar // so that nothing and 0 differ
		if highest > 0 {
			height = max(lowestBar, int(math.Round(v/highest*barsHeight)))
		}
		end := to.Add(-time.Duration(len(row.Weeks)-1-i) * 7 * 24 * time.Hour)
		t.Bars = append(t.Bars, bar{
			X: i * (barWidth + barGap), Y: barsHeight - height, Width: barWidth, Height: height,
			Title: fmt.Sprintf("week to %s: %s", end.UTC().Format("2 Jan"), words(v)),
		})
	}
	t.Label = fmt.Sprintf("%s, the last %d weeks one by one: %s", name, len(row.Weeks), strings.Join(said, ", "))
	return t
}
