// Command dora-demo shows the exporter with made-up data: it starts the exporter with a stand-in for GitHub, has it read half a year of
// three teams from there, and sends it the webhooks of another half a year in a minute. Flags set other times.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"dora-exporter/demo"
)

// options are the flags.
type options struct {
	exporter, folder string
	port, days       int
	in               time.Duration
	seed             uint64
	once             bool
}

func main() {
	var o options
	flag.StringVar(&o.exporter, "exporter", "./dora-exporter", "path of the exporter's binary")
	flag.StringVar(&o.folder, "folder", "", "empty folder for the exporter's configuration and database; if unset, a temporary one that is removed at the end")
	flag.IntVar(&o.port, "port", 8090, "port on which the exporter listens, on localhost only")
	flag.DurationVar(&o.in, "in", time.Minute, "duration in which the days are replayed")
	flag.IntVar(&o.days, "days", 182, "number of days to replay; as many days before them are read from the stand-in for GitHub")
	flag.Uint64Var(&o.seed, "seed", 1, "seed of the random days")
	flag.BoolVar(&o.once, "once", false, "exit when everything is counted instead of on Ctrl-C")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "dora-demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	if o.folder == "" {
		if o.folder, err = os.MkdirTemp("", "dora-demo"); err != nil {
			return fmt.Errorf("make a folder: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.folder)) }()
	}
	if o.folder, err = filepath.Abs(o.folder); err != nil { // it is the exporter's working directory
		return err
	}
	repositories, events, installed := demo.WithPast(secrets, time.Now().UTC().Truncate(time.Second), o.days, o.seed)
	api, err := serve(ctx, repositories)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, api.Close()) }()
	e, err := start(ctx, o, api.address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.stop()) }()
	if err := e.backfill(ctx, installed); err != nil {
		return err
	}
	fmt.Printf("Sending %d webhooks to %s in %s.\n", len(events), e.url, o.in)
	if err := e.replay(ctx, events, o.in); err != nil {
		return err
	}
	if err := e.waitUntilCounted(ctx); err != nil {
		return err
	}
	if err := e.report(ctx); err != nil {
		return err
	}
	fmt.Printf("\nOpen %s/ and %s/metrics.", e.url, e.url)
	if o.once {
		fmt.Println()
		return nil
	}
	fmt.Println(" Press Ctrl-C to exit.")
	select {
	case <-ctx.Done():
		return nil
	case <-e.Exited:
		return errors.New("the exporter has ended; its log is above")
	}
}
