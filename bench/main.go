// Command bench measures what the exporter needs as its history grows: it starts the built program with a stand-in for GitHub, sends the
// webhooks of a made-up history, and prints a table.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	program := flag.String("bin", "../dora-exporter", "path of the exporter's binary")
	deployments := flag.String("deployments", "1000,10000,100000", "sizes of the histories to measure, comma-separated")
	folder := flag.String("dir", "", "folder in which the histories are kept; if unset, a temporary one that is removed at the end")
	output := flag.String("o", "", "file to write the results to, as JSON")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *program, *deployments, *folder, *output)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, program, deployments, folder, output string) error {
	program, err := filepath.Abs(program)
	if err != nil {
		return err
	}
	if folder == "" {
		if folder, err = os.MkdirTemp("", "dora-exporter-bench"); err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(folder) }()
	}
	if folder, err = filepath.Abs(folder); err != nil {
		return err
	}
	var results []Result
	for size := range strings.SplitSeq(deployments, ",") {
		n, err := strconv.Atoi(size)
		if err != nil || n < 100 {
			return fmt.Errorf("-deployments: %q is not a number of at least 100", size)
		}
		own := filepath.Join(folder, size)
		if err := os.MkdirAll(own, 0o700); err != nil {
			return err
		}
		r, err := measure(ctx, program, own, n)
		text, _ := json.Marshal(r)
		fmt.Fprintln(os.Stderr, string(text))
		if err != nil {
			return fmt.Errorf("%d deployments: %w", n, err)
		}
		results = append(results, r)
	}
	if output != "" {
		text, err := json.MarshalIndent(results, "", "  ")
		if err != nil {
			return err
		}
		return os.WriteFile(output, text, 0o600)
	}
	return nil
}
