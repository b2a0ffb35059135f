package report

import "fmt"

// Trend is a measure of each of the last weeks of a row, the oldest first.
type Trend struct {
	Name  string
	Weeks []WeekValue
}

// WeekValue is a measure of one week; NaN or infinite without observations.
type WeekValue struct {
	Value float64
	Text  string
}

// Trends returns the five measures by week, in the order of Lines.
func (r Row) Trends() []Trend {
	number := func(v float64) string { return fmt.Sprintf("%.0f", v) }
	ratio := func(v float64) string { return fmt.Sprintf("%.0f%%", 100*v) }
	return []Trend{
		r.trend("deployments a week", func(w Row) float64 { return 7 * w.Frequency.Value }, number),
		r.trend("median lead time", func(w Row) float64 { return w.LeadTime.Value }, Span),
		r.trend("change failure rate", func(w Row) float64 { return w.FailureRate.Value }, ratio),
		r.trend("median recovery time", func(w Row) float64 { return w.Recovery.Value }, Span),
		r.trend("rework rate", func(w Row) float64 { return w.Rework.Value }, ratio),
	}
}

func (r Row) trend(name string, value func(Row) float64, text func(float64) string) Trend {
	t := Trend{Name: name}
	for _, week := range r.Weeks {
		v := value(week)
		t.Weeks = append(t.Weeks, WeekValue{v, text(v)})
	}
	return t
}
