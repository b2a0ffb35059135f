package main

import (
	"context"
	"flag"
	"io"

	"dora-exporter/app"
	"dora-exporter/config"
	"dora-exporter/explain"
)

// explainFunc explains the object with a name.
type explainFunc func(ctx context.Context, c *config.Config, name string) (explain.Explanation, error)

// explainCommand prepares a command that prints an explanation. prepare defines flags of its own.
func explainCommand(prepare func(*flag.FlagSet) explainFunc) func(*flag.FlagSet) action {
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

// withoutFlags prepares an explanation without flags of its own.
func withoutFlags(e explainFunc) func(*flag.FlagSet) explainFunc {
	return func(*flag.FlagSet) explainFunc { return e }
}

// explainMetricCommand defines the flag for the number of listed facts.
func explainMetricCommand(set *flag.FlagSet) explainFunc {
	n := set.Int("n", 50, "")
	return func(ctx context.Context, c *config.Config, series string) (explain.Explanation, error) {
		maxFacts := *n
		if maxFacts <= 0 {
			maxFacts = -1
		}
		return app.ExplainMetric(ctx, c, series, maxFacts)
	}
}
