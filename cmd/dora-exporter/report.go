package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"strconv"
	"strings"
	"time"

	"dora-exporter/config"
	"dora-exporter/dora/rules"
	"dora-exporter/persistence"
)

// report is the command that shows the five measures of DORA. now is the clock that tells how far back it looks.
func report(now func() time.Time) func(*flag.FlagSet) action {
	return func(set *flag.FlagSet) action {
		since := age(90 * 24 * time.Hour)
		set.Var(&since, "since", "")
		by, format := oneOf(set, "by", "team", "repo"), oneOf(set, "o", "table", "json", "csv", "markdown")
		return func(ctx context.Context, c *config.Config, _ []string, out io.Writer) error {
			o := rules.ReportOptions{Now: now().UTC().Truncate(time.Second), Since: time.Duration(since), ByRepository: *by == "repo"}
			r, err := makeReport(ctx, c, o)
			if err != nil {
				return err
			}
			write := map[string]func(io.Writer, rules.Report, string) error{
				"table": writeTable, "json": writeJSON, "csv": writeCSV, "markdown": writeMarkdown,
			}
			return write[*format](out, r, *by)
		}
	}
}

func makeReport(ctx context.Context, c *config.Config, o rules.ReportOptions) (report rules.Report, err error) {
	r, err := persistence.OpenReader(ctx, c.Storage.Database)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	facts := rules.NewTally(o)
	records, err := r.Records(ctx, facts.Add, rules.Compared()...)
	if err != nil {
		return report, err
	}
	return c.Policy.Report(records, facts, o)
}

// age is a flag.Value for a time span in Go's format, with d for days and w for weeks.
type age time.Duration

// longestAge is far below what a time.Duration can hold.
const longestAge = 100 * 365 * 24 * time.Hour

func (a *age) String() string { return time.Duration(*a).String() }

// Set reads an age, such as 90d, 12w, 24h or 1w2d12h.
func (a *age) Set(text string) error {
	var total float64 // in nanoseconds
	for rest := text; rest != ""; {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789."))
		unit := len(rest[digits:]) - len(strings.TrimLeft(rest[digits:], "abcdefghijklmnopqrstuvwxyzµμ"))
		number, err := strconv.ParseFloat(rest[:digits], 64)
		one := map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour}[rest[digits:digits+unit]]
		if one == 0 {
			one, _ = time.ParseDuration("1" + rest[digits:digits+unit])
		}
		if err != nil || one == 0 {
			return errors.New("write a number with a unit, such as 90d, 12w or 24h")
		}
		total += number * float64(one)
		rest = rest[digits+unit:]
	}
	if total <= 0 || total > float64(longestAge) {
		return errors.New("write how far to look back, such as 90d, 12w or 24h, up to a hundred years")
	}
	*a = age(total)
	return nil
}
