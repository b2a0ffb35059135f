// Dora-exporter receives the webhooks of GitHub and Jira and serves DORA metrics to Prometheus.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"dora-exporter/app"
	"dora-exporter/cmd/dora-exporter/parent"
	"dora-exporter/config"
	"dora-exporter/internal/child"
)

// Set by the linker: -X main.version=… -X main.revision=….
var (
	version  = "dev"
	revision = "unknown"
)

func main() {
	args := os.Args[1:]
	if child.IsChild() {
		args = child.Arguments(os.Stdin)
	}
	os.Exit(start(args))
}

// start runs the program and returns its exit status: 0 after an orderly stop, 1 after an error of the configuration, files or
// network, or if the server is not healthy, 2 for a wrong command line.
func start(args []string) int {
	flags, err := parseFlags(args, os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.Version:
		fmt.Printf("dora-exporter %s (revision %s, %s)\n", version, revision, runtime.Version())
		return 0
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	if flags.readsConfig {
		return runCommand(ctx, flags.run, nil)
	}
	logger := app.NewLogger(os.Stderr, flags.Level, flags.LogFormat)
	c, warnings, err := config.LoadSections(flags.ConfigFile, flags.ConfigFileNamed, os.Getenv, flags.sections...)
	if err != nil {
		parent.PrintError(err)
		return 1
	}
	c.Server.Listen(flags.ListenAddress)
	if flags.run != nil {
		return runCommand(ctx, flags.run, c)
	}
	web, err := app.LoadWebConfig(flags.WebConfigFile, c)
	if err != nil {
		parent.PrintError(err)
		return 1
	}
	if flags.HealthCheck {
		if err := app.CheckHealth(ctx, c, web); err != nil {
			parent.PrintError(err)
			return 1
		}
		return 0
	}
	warnings = append(warnings, config.UnusedVariables(os.Environ())...)
	config.UnsetOpenTelemetry()
	for _, w := range warnings {
		logger.Warn(w)
	}
	app.Warn(c, logger)
	if err := app.Run(ctx, app.Options{
		Config: c, Web: web, TelemetryPath: flags.TelemetryPath, AcceptStore: flags.AcceptStore, Version: version, Revision: revision, Logger: logger,
	}); err != nil {
		logger.Error("stopped", "error", err)
		return 1
	}
	return 0
}

// runCommand runs a subcommand and returns the exit status.
func runCommand(ctx context.Context, run func(context.Context, *config.Config, io.Writer) error, c *config.Config) int {
	err := runBuffered(ctx, run, c)
	switch {
	case err == nil:
		return 0
	case !errors.Is(err, errChecksFailed):
		parent.PrintError(err)
	}
	return 1
}

// runBuffered runs a command and prints its output after the command has closed the database.
func runBuffered(ctx context.Context, run func(context.Context, *config.Config, io.Writer) error, c *config.Config) error {
	var out bytes.Buffer
	err := run(ctx, c, &out)
	if _, failed := os.Stdout.Write(out.Bytes()); failed != nil {
		return errors.Join(err, fmt.Errorf("print the result: %w", failed))
	}
	return err
}
