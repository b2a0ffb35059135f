package page

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// chart is a bar chart with a bar for each week. It is drawn from numbers alone.
type chart struct {
	Width, Height int
	// Label says the same in words.
	Label string
	Bars  []bar
}

type bar struct {
	X, Y, Width, Height int
	Title               string
}

const barWidth, barGap, chartHeight, minBarHeight = 10, 3, 36, 2

// newChart draws a trend whose last week ends at a time; the highest week is as high as the chart. A week without observations
// has no bar.
func newChart(t Trend, to time.Time) chart {
	c := chart{Width: len(t.Weeks)*(barWidth+barGap) - barGap, Height: chartHeight}
	highest := 0.0
	for _, week := range t.Weeks {
		if week.Value > highest && !math.IsInf(week.Value, 1) {
			highest = week.Value
		}
	}
	texts := make([]string, len(t.Weeks))
	for i, week := range t.Weeks {
		if math.IsNaN(week.Value) || math.IsInf(week.Value, 0) {
			texts[i] = "none"
			continue
		}
		texts[i] = week.Text
		height := minBarHeight // so that 0 and no observation differ
		if highest > 0 {
			height = max(minBarHeight, int(math.Round(week.Value/highest*chartHeight)))
		}
		end := to.Add(-time.Duration(len(t.Weeks)-1-i) * 7 * 24 * time.Hour)
		c.Bars = append(c.Bars, bar{
			X: i * (barWidth + barGap), Y: chartHeight - height, Width: barWidth, Height: height,
			Title: fmt.Sprintf("week to %s: %s", end.UTC().Format("2 Jan"), week.Text),
		})
	}
	c.Label = fmt.Sprintf("%s, the last %d weeks one by one: %s", t.Name, len(t.Weeks), strings.Join(texts, ", "))
	return c
}
