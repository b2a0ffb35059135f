package main

import (
	"context"
	"flag"
	"io"
	"time"

	"dora-exporter/app"
	"dora-exporter/config"
	"dora-exporter/report"
)

// reportCommand prepares the command that prints the five DORA measures up to now.
func reportCommand(now func() time.Time) func(*flag.FlagSet) action {
	return func(set *flag.FlagSet) action {
		since := report.Age(90 * 24 * time.Hour)
		set.Var(&since, "since", "")
		by, format := oneOf(set, "by", "team", "repo"), oneOf(set, "o", "table", "json", "csv", "markdown")
		return func(ctx context.Context, c *config.Config, _ []string, out io.Writer) error {
			o := report.Options{Now: now().UTC().Truncate(time.Second), Since: time.Duration(since), ByRepository: *by == "repo"}
			measures, err := app.Report(ctx, c, o)
			if err != nil {
				return err
			}
			return measures.Write(out, *format, o)
		}
	}
}
