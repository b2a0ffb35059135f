package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"dora-exporter/app"
	"dora-exporter/config"
	"dora-exporter/dora"
)

// command is a subcommand. It works on the database, beside a running server or without one.
type command struct {
	words []string
	// arguments describes the arguments in the usage; there are from min to max, or any number from min if max is -1.
	arguments string
	min, max  int
	// sections are the sections of the configuration that it needs; nil if it reads the configuration itself.
	sections []string
	// prepare defines the command's own flags, and returns the action to run after they are parsed.
	prepare func(*flag.FlagSet) action
}

// action executes a command.
type action func(ctx context.Context, c *config.Config, args []string, out io.Writer) error

var (
	storage = []string{"storage"}
	// everything is all sections: what a backfill reads is processed as by the server.
	everything = []string{}
	measures   = []string{"storage", "deployments", "changes", "failures", "environments", "jira.incidents"}
)

var commands = []command{
	{[]string{"backfill"}, "-since DATE [-until DATE] [-repo OWNER/NAME,…] [-source github,jira] [-dry-run] [-max-rate N/h]", 0, 0, everything, backfillCommand},
	{[]string{"backup"}, "[-check] FILE", 1, 1, storage, backupCommand},
	{[]string{"check"}, "[-online] [-o text|json]", 0, 0, nil, checkCommand},
	{[]string{"copy"}, "-to URL|FILE [-schema NAME]", 0, 0, storage, copyCommand},
	{[]string{"deliveries", "list"}, "", 0, 0, storage, noFlags(listDeliveries)},
	{[]string{"deliveries", "retry"}, "[ID…]", 0, -1, storage, noFlags(retryDeliveries)},
	{[]string{"explain", "deployment"}, "OWNER/REPO#ID", 1, 1, storage, explainCommand(withoutFlags(app.ExplainDeployment))},
	{[]string{"explain", "incident"}, "KEY", 1, 1, storage, explainCommand(withoutFlags(app.ExplainIncident))},
	{[]string{"explain", "metric"}, `'NAME{LABEL="VALUE",…}'`, 1, 1, storage, explainCommand(explainMetricCommand)},
	{[]string{"export"}, "[-since DATE] [-until DATE] [-o openmetrics|remote-write] [-label NAME=VALUE] FILE|URL", 1, 1, measures, exportCommand},
	{[]string{"report"}, "[-since AGE] [-by team|repo] [-o table|json|csv|markdown]", 0, 0, measures, reportCommand(time.Now)},
}

// noFlags prepares a command without flags of its own.
func noFlags(a action) func(*flag.FlagSet) action {
	return func(*flag.FlagSet) action { return a }
}

// findCommand returns the command with exactly these words; nil if there is none.
func findCommand(words []string) *command {
	i := slices.IndexFunc(commands, func(c command) bool { return slices.Equal(words, c.words) })
	if i < 0 {
		return nil
	}
	return &commands[i]
}

// check returns a usage error if the number of arguments is wrong.
func (c *command) check(args []string) error {
	if n := len(args); n < c.min || c.max >= 0 && n > c.max {
		return fmt.Errorf("usage: dora-exporter %s", strings.TrimSpace(strings.Join(c.words, " ")+" "+c.arguments))
	}
	return nil
}

func backupCommand(flags *flag.FlagSet) action {
	check := flags.Bool("check", false, "read all of the copy, also if it is large")
	return func(ctx context.Context, c *config.Config, args []string, out io.Writer) error {
		checked, err := app.Backup(ctx, c, args[0], *check)
		if err != nil {
			return err
		}
		how := "and checked"
		if !checked {
			how = "without a check, since it is large: -check reads all of it"
		}
		_, err = fmt.Fprintf(out, "%s: copied to %s %s\n", c.Storage.Name(), args[0], how)
		return err
	}
}

func copyCommand(flags *flag.FlagSet) action {
	to := flags.String("to", "", "the target: postgres://…, or the path of a new SQLite database")
	schema := flags.String("schema", "", "the schema in PostgreSQL (default dora_exporter)")
	return func(ctx context.Context, c *config.Config, _ []string, out io.Writer) error {
		if *to == "" {
			return errors.New("usage: dora-exporter copy -to URL|FILE [-schema NAME]")
		}
		target, err := config.ParseStorage(*to, *schema)
		if err != nil {
			return err
		}
		records, err := app.Copy(ctx, c, target)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%s: copied %d records to %s and compared them\n", c.Storage.Name(), records, target.Name())
		return err
	}
}

func listDeliveries(ctx context.Context, c *config.Config, _ []string, out io.Writer) error {
	all, err := app.DeadLetters(ctx, c)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		_, err = fmt.Fprintln(out, "no dead letters")
		return err
	}
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "ID\tRECEIVED\tSOURCE\tATTEMPTS\tKEY\tERROR")
	for _, d := range all {
		_, _ = fmt.Fprintf(table, "%d\t%s\t%s\t%d\t%s\t%s\n", d.ID, d.Received.Format(time.RFC3339), d.Source, d.Attempts,
			dora.Escape(d.Key), dora.Escape(d.Why))
	}
	return table.Flush()
}

func retryDeliveries(ctx context.Context, c *config.Config, args []string, out io.Writer) error {
	var ids []int64
	for _, arg := range args {
		id, err := strconv.ParseInt(arg, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is not the ID of a delivery: run \"dora-exporter deliveries list\" for IDs", arg)
		}
		ids = append(ids, id)
	}
	n, err := app.RetryDeliveries(ctx, c, ids...)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "deliveries pending again: %d; the server will process them\n", n)
	return err
}
