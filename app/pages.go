package app

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"dora-exporter/dora"
	"dora-exporter/explain"
	"dora-exporter/page"
	"dora-exporter/persistence/sqlstore"
	"dora-exporter/report"
)

const (
	// measuredPeriod is the period of the measures on the page, the same as the default of report.
	measuredPeriod = 90 * 24 * time.Hour
	// measuredWeeks is the number of weeks in a trend.
	measuredWeeks = 12
	// measuredWork is how many deployments whose days are still to be made a page adds to its measures, which takes about a tenth of a second.
	measuredWork = 500
	// shownTeams bounds how many teams the page shows.
	shownTeams = 50
)

// newPages returns the pages over a database. now returns the end of the measured period.
func newPages(r *sqlstore.Reader, p dora.Policy, requests *page.Requests, state func() page.State, now func() time.Time, logger *slog.Logger) *page.Pages {
	return page.New(page.Options{
		Snapshot: func(ctx context.Context, read func(page.Reader) error) error {
			return r.Snapshot(ctx, func(r *sqlstore.Reader) error { return read(r) })
		},
		Explain:  pageExplainer{r},
		Measures: func(ctx context.Context) (page.Measures, error) { return pageMeasures(ctx, r, p, now()) },
		State:    state, Requests: requests, Logger: logger,
	})
}

// pageExplainer is the page.Explainer over a database.
type pageExplainer struct{ reader *sqlstore.Reader }

func (e pageExplainer) Deployment(ctx context.Context, name string) (page.Explanation, error) {
	return e.explain(ctx, explain.Deployment, name)
}

func (e pageExplainer) Incident(ctx context.Context, key string) (page.Explanation, error) {
	return e.explain(ctx, explain.Incident, key)
}

func (e pageExplainer) Metric(ctx context.Context, series string, maxFacts, maxSeries int) (page.Explanation, error) {
	return e.explain(ctx, func(ctx context.Context, r explain.Reader, series string) (explain.Explanation, error) {
		return explainSeries(ctx, r, series, maxFacts, maxSeries)
	}, series)
}

func (pageExplainer) Reason(code string) string { return explain.Reason(code) }

func (e pageExplainer) explain(ctx context.Context, run explainFunc, name string) (page.Explanation, error) {
	made, err := explainFrom(ctx, e.reader, run, name)
	switch {
	case explain.IsNotFound(err):
		return page.Explanation{Text: err.Error()}, nil
	case err != nil:
		return page.Explanation{}, err
	}
	return page.Explanation{Text: made.Text(), Found: true}, nil
}

// pageMeasures returns the measures of the teams that deployed to production up to now.
func pageMeasures(ctx context.Context, r report.Reader, p dora.Policy, now time.Time) (m page.Measures, err error) {
	made, err := report.MeasuresFromEvents(ctx, r, p, report.Options{Now: now, Since: measuredPeriod, Weeks: measuredWeeks}, measuredWork)
	if err != nil {
		return m, err
	}
	rows := slices.DeleteFunc(made.Rows, func(row report.Row) bool { return row.Frequency.Observations == 0 })
	m = page.Measures{From: made.From, To: made.To, MoreTeams: max(0, len(rows)-shownTeams), AreStale: made.IsStale}
	for _, row := range rows[:min(len(rows), shownTeams)] {
		team, trends := page.Team{Name: row.Name}, row.Trends()
		for i, line := range row.Lines() {
			measure := page.Measure{
				Name: line.Measure, Value: line.Value, Observations: line.Observations, Band: string(line.Band), NoBand: line.NoBand,
				Trend: page.Trend{Name: trends[i].Name},
			}
			for _, week := range trends[i].Weeks {
				measure.Trend.Weeks = append(measure.Trend.Weeks, page.Week(week))
			}
			team.Measures = append(team.Measures, measure)
		}
		m.Teams = append(m.Teams, team)
	}
	return m, nil
}
