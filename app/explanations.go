package app

import (
	"context"
	"fmt"

	"dora-exporter/config"
	"dora-exporter/explain"
	"dora-exporter/persistence/checkpoint"
	"dora-exporter/persistence/sqlstore"
)

// ExplainDeployment explains a deployment, OWNER/REPO#ID, beside a running server or without one.
func ExplainDeployment(ctx context.Context, c *config.Config, name string) (explain.Explanation, error) {
	return explainStored(ctx, c, explain.Deployment, name)
}

// ExplainIncident explains an issue of Jira, such as INC-7, beside a running server or without one.
func ExplainIncident(ctx context.Context, c *config.Config, key string) (explain.Explanation, error) {
	return explainStored(ctx, c, explain.Incident, key)
}

// ExplainMetric explains a series, written as on /metrics, beside a running server or without one. It lists at most
// maxFacts facts of each series, the newest; all if maxFacts is negative.
func ExplainMetric(ctx context.Context, c *config.Config, series string, maxFacts int) (explain.Explanation, error) {
	return explainStored(ctx, c, func(ctx context.Context, r explain.Reader, series string) (explain.Explanation, error) {
		return explainSeries(ctx, r, series, maxFacts, -1)
	}, series)
}

// explainFunc explains the object with a name.
type explainFunc func(ctx context.Context, r explain.Reader, name string) (explain.Explanation, error)

func explainStored(ctx context.Context, c *config.Config, run explainFunc, name string) (e explain.Explanation, err error) {
	err = withReader(ctx, c, func(r *sqlstore.Reader) (err error) {
		e, err = explainFrom(ctx, r, run, name)
		return err
	})
	return e, err
}

// explainSeries explains a series as it is written on /metrics.
func explainSeries(ctx context.Context, r explain.Reader, series string, maxFacts, maxSeries int) (explain.Explanation, error) {
	name, labels, err := checkpoint.ParseSeries(series)
	if err != nil {
		return nil, &explain.NotFoundError{Err: fmt.Errorf("read %q: %w", series, err)}
	}
	return explain.Metric(ctx, r, explain.MetricQuery{Name: name, Labels: labels, MaxFacts: maxFacts, MaxSeries: maxSeries})
}

// explainFrom runs an explanation in one snapshot.
func explainFrom(ctx context.Context, r *sqlstore.Reader, run explainFunc, name string) (e explain.Explanation, err error) {
	err = r.Snapshot(ctx, func(r *sqlstore.Reader) (err error) {
		e, err = run(ctx, explain.Reader{
			RecordReader: r, DeploymentReader: r, IncidentReader: r, EvidenceReader: r, WorkReader: r, FactReader: r,
		}, name)
		return err
	})
	return e, err
}
