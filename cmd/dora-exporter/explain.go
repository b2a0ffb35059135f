package main

import (
	"context"
	"flag"
	"io"

	"dora-exporter/app"
	"dora-exporter/config"
	"dora-exporter/explain"
)

// explainer makes an explanation of what a person names.
type explainer func(ctx context.Context, c *config.Config, name string) (explain.Explanation, error)

// explainCommand returns a command that writes an explanation. prepare adds flags of its own.
func explainCommand(prepare func(*flag.FlagSet) explainer) func(*flag.FlagSet) action {
	return func(set *flag.FlagSet) action {
		format, run := oneOf(set, "o", "text", "json"), prepare(set)
		return func(ctx context.Context, c *config.Config, args []string, out io.Writer) error {
			e, err := run(ctx, c, args[0])
			if err != nil {
				return err
			}
			return explain.Write(out, e, *format)
		}
	}
}

// withoutFlags is for an explanation that has no flags of its own.
func withoutFlags(e explainer) func(*flag.FlagSet) explainer {
	return func(*flag.FlagSet) explainer { return e }
}

// explainMetricCommand has a flag for how many facts are listed.
func explainMetricCommand(set *flag.FlagSet) explainer {
	n := set.Int("n", 50, "")
	return func(ctx context.Context, c *config.Config, series string) (explain.Explanation, error) {
		maxFacts := *n
		if maxFacts <= 0 {
			maxFacts = -1
		}
		return app.ExplainMetric(ctx, c, series, maxFacts)
	}
}
