package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"

	"dora-exporter/app"
	"dora-exporter/cmd/dora-exporter/parent"
	"dora-exporter/config"
	"dora-exporter/internal/progress"
)

// backfillCommand prepares the command that reads what happened before the installation.
func backfillCommand(set *flag.FlagSet) action {
	var r app.BackfillRequest
	timeFlag(set, "since", &r.Since)
	timeFlag(set, "until", &r.Until)
	set.Func("repo", "", r.SetRepositories)
	set.Func("source", "", r.SetSources)
	set.Func("max-rate", "", r.SetMaxRate)
	plan := set.Bool("dry-run", false, "")
	form := oneOf(set, parent.ProgressFlag, "lines", "bar")
	return func(ctx context.Context, c *config.Config, _ []string, out io.Writer) error {
		if r.Since.IsZero() {
			if r.Since = c.Backfill.Since; r.Since.IsZero() {
				return errors.New("since when? set -since to a date such as 2025-01-01, or to an age such as 365d")
			}
		}
		o := app.Options{Config: c, Version: version, Revision: revision, Logger: app.NewLogger(os.Stderr, slog.LevelWarn, "logfmt")}
		if *plan {
			return planBackfill(ctx, o, r, out)
		}
		shown := progress.New(os.Stderr, "repositories", *form == "bar")
		show := func(p app.BackfillProgress) {
			if p.Unsettled > 0 {
				shown.Show(0, 0, fmt.Sprintf("all was read; evaluating, %d left, each after deployments.settle (%s)", p.Unsettled, c.Policy.Settle))
				return
			}
			shown.Show(p.Done, p.Repositories, fmt.Sprintf("%d deployments, %d incidents, %d calls made, about %d left", p.Deployments, p.Issues, p.Calls, p.CallsLeft))
		}
		made, err := app.BackfillAnywhere(ctx, o, r, show)
		shown.End()
		if err == nil {
			err = made.Unread(app.NamedRepositories(c, r))
		}
		return errors.Join(err, made.Write(out))
	}
}

func planBackfill(ctx context.Context, o app.Options, r app.BackfillRequest, out io.Writer) error {
	plan, err := app.PlanBackfill(ctx, o, r)
	if err != nil {
		return err
	}
	return errors.Join(plan.Unread(app.NamedRepositories(o.Config, r)), plan.Write(out))
}
