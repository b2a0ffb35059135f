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

	"dora-exporter/config"
	"dora-exporter/dora"
	"dora-exporter/explain"
	"dora-exporter/persistence"
)

// command does one thing with the database, beside a running server or without one.
type command struct {
	words []string
	// arguments says what may follow, to a person; most is how many words, -1 for any number.
	arguments   string
	least, most int
	// prepare adds the command's own flags to the set, and returns what is done when they have been read.
	prepare func(*flag.FlagSet) action
	// use is what the command needs of the configuration.
	use config.Use
}

// action is what a command does. args are the words behind its own.
type action func(ctx context.Context, c *config.Config, args []string, out io.Writer) error

var commands = []command{
	{[]string{"backup"}, "FILE", 1, 1, without(backup), config.ForDatabase},
	{[]string{"deliveries", "list"}, "", 0, 0, without(listDeliveries), config.ForDatabase},
	{[]string{"deliveries", "retry"}, "[ID…]", 0, -1, without(retryDeliveries), config.ForDatabase},
	{[]string{"explain", "deployment"}, "OWNER/REPO#ID", 1, 1, explainCommand(withoutFlags(explain.Deployment)), config.ForDatabase},
	{[]string{"explain", "incident"}, "KEY", 1, 1, explainCommand(withoutFlags(explain.Incident)), config.ForDatabase},
	{[]string{"explain", "metric"}, `'NAME{LABEL="VALUE",…}'`, 1, 1, explainCommand(explainMetricCommand), config.ForDatabase},
	{[]string{"report"}, "[-since AGE] [-by team|repo] [-o table|json|csv|markdown]", 0, 0, reportCommand(time.Now), config.ForReport},
}

// without is for a command that has no flags of its own.
func without(a action) func(*flag.FlagSet) action {
	return func(*flag.FlagSet) action { return a }
}

// findCommand returns the command with exactly these words; nil when there is none.
func findCommand(words []string) *command {
	at := slices.IndexFunc(commands, func(c command) bool { return slices.Equal(words, c.words) })
	if at < 0 {
		return nil
	}
	return &commands[at]
}

// check says what is wrong with the number of words behind the command's own.
func (c *command) check(args []string) error {
	if n := len(args); n < c.least || c.most >= 0 && n > c.most {
		return fmt.Errorf("usage: dora-exporter %s", strings.TrimSpace(strings.Join(c.words, " ")+" "+c.arguments))
	}
	return nil
}

func backup(ctx context.Context, c *config.Config, args []string, out io.Writer) (err error) {
	r, err := persistence.OpenReader(ctx, c.Storage.Database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := r.Backup(ctx, args[0]); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s: copied to %s and checked\n", c.Storage.Database, args[0])
	return err
}

func listDeliveries(ctx context.Context, c *config.Config, _ []string, out io.Writer) (err error) {
	r, err := persistence.OpenReader(ctx, c.Storage.Database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	all, err := r.SetAside(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		_, err = fmt.Fprintln(out, "no delivery is set aside")
		return err
	}
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "ID\tRECEIVED\tSOURCE\tATTEMPTS\tKEY\tERROR") // kept until Flush
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
			return fmt.Errorf("%q is not the ID of a delivery: write a number that \"dora-exporter deliveries list\" shows", arg)
		}
		ids = append(ids, id)
	}
	n, err := persistence.Retry(ctx, c.Storage.Database, ids...)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%d of the deliveries that were set aside will be tried again by the server\n", n)
	return err
}
