package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"dora-exporter/persistence"
)

// command does one thing with the database at path and returns, beside a running server or without one.
type command struct {
	words []string
	// arguments says what may follow, to a person; most is how many, -1 for any number.
	arguments   string
	least, most int
	run         func(ctx context.Context, database string, args []string, out io.Writer) error
}

var commands = []command{
	{[]string{"backup"}, "FILE", 1, 1, backup},
	{[]string{"deliveries", "list"}, "", 0, 0, listDeliveries},
	{[]string{"deliveries", "retry"}, "[ID…]", 0, -1, retryDeliveries},
}

// findCommand returns the command that words name, nil when there are no words.
func findCommand(words []string) (*command, error) {
	if len(words) == 0 {
		return nil, nil
	}
	for i, c := range commands {
		if len(words) < len(c.words) || !slices.Equal(words[:len(c.words)], c.words) {
			continue
		}
		if n := len(words) - len(c.words); n < c.least || c.most >= 0 && n > c.most {
			return nil, fmt.Errorf("write dora-exporter %s", strings.TrimSpace(strings.Join(c.words, " ")+" "+c.arguments))
		}
		return &commands[i], nil
	}
	return nil, fmt.Errorf("there is no command %q", strings.Join(words, " "))
}

// execute runs the command that words name.
func execute(ctx context.Context, database string, words []string, out io.Writer) error {
	c, err := findCommand(words)
	if err != nil {
		return err
	}
	return c.run(ctx, database, words[len(c.words):], out)
}

func backup(ctx context.Context, database string, args []string, out io.Writer) (err error) {
	r, err := persistence.OpenReader(ctx, database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := r.Backup(ctx, args[0]); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s: copied to %s and checked\n", database, args[0])
	return err
}

func listDeliveries(ctx context.Context, database string, _ []string, out io.Writer) (err error) {
	r, err := persistence.OpenReader(ctx, database)
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
			printable(d.Key), printable(d.Why))
	}
	return table.Flush()
}

// printable escapes what a terminal would act on, or a table stumble over: it comes from outside.
func printable(s string) string {
	quoted := strconv.Quote(s)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

func retryDeliveries(ctx context.Context, database string, args []string, out io.Writer) error {
	var ids []int64
	for _, arg := range args {
		id, err := strconv.ParseInt(arg, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is not the ID of a delivery: write a number that \"dora-exporter deliveries list\" shows", arg)
		}
		ids = append(ids, id)
	}
	n, err := persistence.Retry(ctx, database, ids...)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%d of the deliveries that were set aside will be tried again by the server\n", n)
	return err
}
