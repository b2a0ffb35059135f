package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"dora-exporter/config"
	"dora-exporter/explain"
	"dora-exporter/persistence"
)

// explanation makes an explanation of what a person names.
type explanation func(ctx context.Context, r explain.Reader, name string) (explain.Explanation, error)

// explainCommand returns a command that writes an explanation. prepare adds flags of its own.
func explainCommand(prepare func(*flag.FlagSet) explanation) func(*flag.FlagSet) action {
	return func(set *flag.FlagSet) action {
		format, run := oneOf(set, "o", "text", "json"), prepare(set)
		return func(ctx context.Context, c *config.Config, args []string, out io.Writer) (err error) {
			r, err := persistence.OpenReader(ctx, c.Storage.Database)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, r.Close()) }()
			e, err := explainFrom(ctx, r, run, args[0])
			if err != nil {
				return err
			}
			return explain.Write(out, e, *format)
		}
	}
}

// withoutFlags is for an explanation that has no flags of its own.
func withoutFlags(e explanation) func(*flag.FlagSet) explanation {
	return func(*flag.FlagSet) explanation { return e }
}

// explainMetricCommand has a flag for how many facts are listed.
func explainMetricCommand(set *flag.FlagSet) explanation {
	n := set.Int("n", 50, "")
	return func(ctx context.Context, r explain.Reader, series string) (explain.Explanation, error) {
		maxFacts := *n
		if maxFacts <= 0 {
			maxFacts = -1
		}
		return explainSeries(ctx, r, series, maxFacts, -1)
	}
}

// explainSeries explains a series as it is written on /metrics.
func explainSeries(ctx context.Context, r explain.Reader, series string, maxFacts, maxSeries int) (explain.Explanation, error) {
	name, labels, err := persistence.ParseSeries(series)
	if err != nil {
		return nil, &explain.NotFoundError{Err: fmt.Errorf("read %q: %w", series, err)}
	}
	return explain.Metric(ctx, r, explain.MetricQuery{Name: name, Labels: labels, MaxFacts: maxFacts, MaxSeries: maxSeries})
}

// explainFrom makes an explanation as of one moment.
func explainFrom(ctx context.Context, r *persistence.Reader, run explanation, name string) (e explain.Explanation, err error) {
	err = r.Still(ctx, func(r *persistence.Reader) (err error) {
		e, err = run(ctx, explain.Reader{
			RecordReader: r, DeploymentReader: r, IncidentReader: r, EvidenceReader: r, WorkReader: r, FactReader: r,
		}, name)
		return err
	})
	return e, err
}
