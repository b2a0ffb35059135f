package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"strconv"
	"strings"
	"time"

	"dora-exporter/app"
	"dora-exporter/config"
	"dora-exporter/report"
)

// reportCommand returns the command that shows the five DORA measures. now is the clock that the age of events is counted from.
func reportCommand(now func() time.Time) func(*flag.FlagSet) action {
	return func(set *flag.FlagSet) action {
		since := age(90 * 24 * time.Hour)
		set.Var(&since, "since", "")
		by, format := oneOf(set, "by", "team", "repo"), oneOf(set, "o", "table", "json", "csv", "markdown")
		return func(ctx context.Context, c *config.Config, _ []string, out io.Writer) error {
			o := report.Options{Now: now().UTC().Truncate(time.Second), Since: time.Duration(since), ByRepository: *by == "repo"}
			made, err := app.Report(ctx, c, o)
			if err != nil {
				return err
			}
			return made.Write(out, *format, o)
		}
	}
}

// age is a flag.Value for a duration in Go's format, with d for days and w for weeks.
type age time.Duration

// maxAge is far below what a time.Duration can hold.
const maxAge = 100 * 365 * 24 * time.Hour

func (a *age) String() string { return time.Duration(*a).String() }

// Set parses an age, such as 90d, 12w, 24h or 1w2d12h.
func (a *age) Set(text string) error {
	var total float64 // in nanoseconds
	for rest := text; rest != ""; {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789."))
		unit := len(rest[digits:]) - len(strings.TrimLeft(rest[digits:], "abcdefghijklmnopqrstuvwxyzµμ"))
		number, err := strconv.ParseFloat(rest[:digits], 64)
		length := map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour}[rest[digits:digits+unit]]
		if length == 0 {
			length, _ = time.ParseDuration("1" + rest[digits:digits+unit])
		}
		if err != nil || length == 0 {
			return errors.New("must be a number with a unit, such as 90d, 12w or 24h")
		}
		total += number * float64(length)
		rest = rest[digits+unit:]
	}
	if total <= 0 || total > float64(maxAge) {
		return errors.New("must be above 0 and at most a hundred years, such as 90d, 12w or 24h")
	}
	*a = age(total)
	return nil
}
