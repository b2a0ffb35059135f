// Dora-exporter receives the webhooks of GitHub and Jira and serves DORA metrics to Prometheus.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"dora-exporter/config"
	"dora-exporter/instrumentation"
)

// Set by the linker: -X main.version=… -X main.revision=….
var (
	version  = "dev"
	revision = "unknown"
)

func main() {
	os.Exit(start(os.Args[1:]))
}

// start returns the exit status: 0 after an orderly stop, 1 when something is wrong with the configuration, the files or
// the network, or the server is not healthy, 2 when the command line is wrong.
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
	logger := newLogger(os.Stderr, flags.Level)
	c, warnings, err := config.Load(flags.use, flags.ConfigFile, flags.ConfigFileNamed, os.Getenv)
	if err != nil {
		printError(err)
		return 1
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	if flags.run != nil {
		if err := flags.run(ctx, c, os.Stdout); err != nil {
			printError(err)
			return 1
		}
		return 0
	}
	web, err := loadWebConfig(flags.WebConfigFile, c)
	if err != nil {
		printError(err)
		return 1
	}
	if flags.HealthCheck {
		if err := checkHealth(ctx, c, web); err != nil {
			printError(err)
			return 1
		}
		return 0
	}
	forgetOpenTelemetry()
	instrumentation.LogErrors(logger)
	for _, w := range warnings {
		logger.Warn(w)
	}
	warn(c, logger)
	if err := run(ctx, c, web, flags.AcceptStore, logger); err != nil {
		logger.Error("stopped", "error", err)
		return 1
	}
	return 0
}

// printError writes each line of an error with the program's name before it.
func printError(err error) {
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintln(os.Stderr, "dora-exporter:", line)
	}
}

// forgetOpenTelemetry removes OpenTelemetry's variables when they have been read: its libraries read them too, in their own
// way, and print what they can't parse, be it a secret.
func forgetOpenTelemetry() {
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "OTEL_") {
			_ = os.Unsetenv(name)
		}
	}
}

// warn says what works less well than it could, or is open to anybody.
func warn(c *config.Config, logger *slog.Logger) {
	if c.GitHub.Token == "" {
		logger.Warn("no GitHub token: calls to the GitHub API are unauthenticated, with few of them allowed; set GITHUB_TOKEN or github.token")
	}
	for _, source := range c.Unsigned() {
		logger.Warn("webhooks are accepted without a signature: anybody who reaches this port can change the numbers; set "+source+".webhook_secret",
			"endpoint", source)
	}
}
