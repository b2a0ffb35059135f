package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"dora-exporter/app"
	"dora-exporter/config"
	"dora-exporter/dora"
	"dora-exporter/internal/age"
	"dora-exporter/internal/localfile"
)

// progressFlag says how to show the progress. The process that a person starts sets it for its child, which has no terminal.
const progressFlag = "-progress"

// withProgress adds the flag to the arguments of a backfill if the progress is shown on a terminal.
func withProgress(command string, args []string) []string {
	if command == "backfill" && term.IsTerminal(int(os.Stderr.Fd())) && !slices.Contains(args, progressFlag) {
		return append(slices.Clip(args), progressFlag, "bar")
	}
	return args
}

// backfillCommand prepares the command that reads what happened before the installation.
func backfillCommand(set *flag.FlagSet) action {
	var r app.BackfillRequest
	dateFlag(set, "since", &r.Since)
	dateFlag(set, "until", &r.Until)
	set.Func("repo", "", func(text string) error {
		r.Repositories = strings.Split(text, ",")
		if slices.ContainsFunc(r.Repositories, func(name string) bool { n := strings.Count(name, "/"); return n < 1 || n > 2 }) {
			return errors.New("must be owner/name, or several separated by commas; owner/* for all of an owner, with host/ before it if there are several servers")
		}
		return nil
	})
	set.Func("source", "", func(text string) error {
		r.Sources = strings.Split(text, ",")
		if slices.ContainsFunc(r.Sources, func(name string) bool { return name != dora.GitHub && name != dora.Jira }) {
			return errors.New("must be one of: github, jira, or both separated by a comma")
		}
		return nil
	})
	set.Func("max-rate", "", func(text string) error {
		n, err := strconv.Atoi(strings.TrimSuffix(text, "/h"))
		if err != nil || n < 1 {
			return errors.New("must be a number of calls per hour, such as 1000/h")
		}
		r.MaxRate = n
		return nil
	})
	plan := set.Bool("dry-run", false, "")
	shown := oneOf(set, progressFlag[1:], "lines", "bar")
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
		progress := newProgress(*shown, os.Stderr)
		made, err := app.Backfill(ctx, o, r, progress.show)
		if errors.Is(err, localfile.ErrLocked) {
			made, err = app.RequestBackfill(ctx, o, r, progress.show)
		}
		progress.end()
		writeSummary(out, made)
		return err
	}
}

// dateFlag defines a flag for a time: a date, or how long ago it was.
func dateFlag(set *flag.FlagSet, name string, to *time.Time) {
	set.Func(name, "", func(text string) error {
		at, err := config.ParseDate(text)
		if err != nil {
			var ago time.Duration
			if ago, err = age.Parse(text); err != nil {
				return errors.New("must be a date such as 2025-01-01, or an age such as 365d")
			}
			at = time.Now().UTC().Add(-ago)
		}
		*to = at
		return nil
	})
}

func planBackfill(ctx context.Context, o app.Options, r app.BackfillRequest, out io.Writer) error {
	plan, err := app.PlanBackfill(ctx, o, r)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "would read since %s: %d repositories, with at most %d calls of the GitHub API and what young deployments need\n",
		r.Since.Format(time.DateOnly), plan.Repositories, plan.CallsLeft)
	return err
}

func writeSummary(out io.Writer, p app.BackfillProgress) {
	_, _ = fmt.Fprintf(out, "repositories: %d of %d\ndeployments: %d\nincidents: %d\nnew events: %d\nGitHub: %d calls, %d points\n",
		p.Done, p.Repositories, p.Deployments, p.Issues, p.Deliveries, p.Calls, p.Points)
	for _, name := range p.Failed {
		_, _ = fmt.Fprintf(out, "not read: %s\n", name)
	}
}
