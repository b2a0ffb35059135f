// Command bench measures what the exporter needs as its history grows. It starts the built program with a stand-in for GitHub, sends the
// webhooks of a made-up history, and prints a table.
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
)

// options are the flags.
type options struct {
	program, deployments, series, folder, output, before, plot string
	turns                                                      int
}

func main() {
	var o options
	flag.StringVar(&o.program, "exporter", "./dora-exporter", "path of the exporter's binary")
	flag.StringVar(&o.deployments, "deployments", "1000,10000,100000", "sizes of the histories, comma-separated")
	flag.StringVar(&o.series, "series", "10000,50000", "numbers of restored series, comma-separated")
	flag.IntVar(&o.turns, "turns", 0, "how often each grown store and a new one get 12,000 more deployments in turn, or as many as the size if that is less, to compare them")
	flag.StringVar(&o.folder, "folder", "", "empty folder for the stores, which are kept; if unset, a temporary one that is removed at the end")
	flag.StringVar(&o.output, "o", "", "file to write the results to, as JSON")
	flag.StringVar(&o.before, "before", "", "results of an earlier run, to be shown beside these")
	flag.StringVar(&o.plot, "plot", "", "file to draw the plot to, as SVG")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	var before Run
	if o.before != "" {
		if before, err = readRun(o.before); err != nil {
			return err
		}
	}
	sizes, err := numbers(o.deployments, 100)
	if err != nil {
		return fmt.Errorf("-deployments: %w", err)
	}
	series, err := numbers(o.series, 1)
	if err != nil {
		return fmt.Errorf("-series: %w", err)
	}
	program, err := filepath.Abs(o.program)
	if err != nil {
		return err
	}
	if o.folder == "" {
		if o.folder, err = os.MkdirTemp("", "dora-exporter-bench"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.folder)) }()
	}
	if o.folder, err = filepath.Abs(o.folder); err != nil { // it is the exporter's working directory
		return err
	}
	measured, err := measureAll(ctx, program, o.folder, sizes, series, runOptions{o.turns, time.Second})
	return errors.Join(err, show(o, measured, before)) // what was measured before an error, too
}

// show prints the table and writes the files of a run.
func show(o options, measured, before Run) (err error) {
	fmt.Printf("%s, %s\n\n%s", measured.Machine, measured.Date, table(measured, before))
	if o.output != "" {
		err = writeRun(o.output, measured)
	}
	if o.plot != "" && len(measured.Results) > 0 {
		err = errors.Join(err, drawPlot(o.plot, measured.Results))
	}
	return err
}
