package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"dora-exporter/config"
)

// flags are the command line.
type flags struct {
	// ConfigFile is the path of the configuration; ConfigFileNamed is set when it was given, so that it must be there.
	ConfigFile      string
	ConfigFileNamed bool
	// WebConfigFile is the path of the file with TLS and basic auth; empty for none.
	WebConfigFile string
	Level         slog.Level
	AcceptStore   bool
	Version       bool
	// HealthCheck is set to ask the running server whether it is ready, instead of being one.
	HealthCheck bool
	// Command is the subcommand with its arguments, and run does it; empty and nil for the server.
	Command []string
	// sections are those of the configuration that are needed; all if there is none.
	sections []string
	run      func(context.Context, *config.Config, io.Writer) error
}

// parseFlags reads the command line. It returns flag.ErrHelp after -h has been answered on out; another error has been
// told on errOut.
func parseFlags(args []string, out, errOut io.Writer) (flags, error) {
	f := flags{}
	set := flag.NewFlagSet("dora-exporter", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&f.ConfigFile, "config.file", "config.yml", "")
	set.StringVar(&f.WebConfigFile, "web.config.file", "", "")
	level := levelValue{&f.Level}
	set.Var(level, "log", "")
	set.Var(level, "logs", "")
	set.BoolVar(&f.AcceptStore, "accept-store", false, "")
	set.BoolVar(&f.Version, "version", false, "")
	set.BoolVar(&f.HealthCheck, "healthcheck", false, "")
	err := f.parse(set, args)
	if errors.Is(err, flag.ErrHelp) {
		_, _ = io.WriteString(out, help)
		return f, err
	}
	if err != nil {
		_, _ = fmt.Fprintf(errOut, "dora-exporter: %v; dora-exporter -h shows what there is\n", err)
		return f, err
	}
	set.Visit(func(g *flag.Flag) { f.ConfigFileNamed = f.ConfigFileNamed || g.Name == "config.file" })
	return f, nil
}

// parse reads flags and the words of a command. The program's flags may stand before, between and behind them, the command's
// own behind its words.
func (f *flags) parse(set *flag.FlagSet, args []string) error {
	var c *command
	var do action
	err := set.Parse(args)
	for err == nil && set.NArg() > 0 {
		f.Command = append(f.Command, set.Arg(0))
		if c == nil {
			if c = findCommand(f.Command); c != nil {
				do = c.prepare(set)
			}
		}
		err = set.Parse(set.Args()[1:])
	}
	switch {
	case err != nil:
		return err
	case c != nil:
		args := f.Command[len(c.words):]
		f.sections = c.sections
		f.run = func(ctx context.Context, c *config.Config, out io.Writer) error { return do(ctx, c, args, out) }
		return c.check(args)
	case f.HealthCheck && len(f.Command) == 0:
		f.sections = []string{"server"}
	case len(f.Command) > 0:
		return fmt.Errorf("unknown command %q", strings.Join(f.Command, " "))
	}
	return nil
}

// choice is a flag.Value that is one of some words.
type choice struct {
	to  *string
	all []string
}

// oneOf adds a flag that is one of some words, the first unless it is given.
func oneOf(set *flag.FlagSet, name string, all ...string) *string {
	chosen := all[0]
	set.Var(choice{&chosen, all}, name, "")
	return &chosen
}

func (c choice) String() string {
	if c.to == nil {
		return ""
	}
	return *c.to
}

func (c choice) Set(text string) error {
	if !slices.Contains(c.all, text) {
		return fmt.Errorf("must be one of: %s", strings.Join(c.all, ", "))
	}
	*c.to = text
	return nil
}

// levelValue is a flag.Value for the log level.
type levelValue struct{ level *slog.Level }

func (v levelValue) String() string {
	if v.level == nil {
		return "info"
	}
	return strings.ToLower(v.level.String())
}

func (v levelValue) Set(text string) error {
	switch text {
	case "debug":
		*v.level = slog.LevelDebug
	case "info":
		*v.level = slog.LevelInfo
	case "warn", "warning":
		*v.level = slog.LevelWarn
	case "error":
		*v.level = slog.LevelError
	default:
		return errors.New("must be one of: debug, info, warn, warning, error")
	}
	return nil
}

const help = `dora-exporter receives the webhooks of GitHub (deployments) and Jira (incidents) and serves DORA metrics to
Prometheus and OpenTelemetry. It loses no event and counts none twice, also over restarts.

Usage:
  dora-exporter [flags]                        serve
  dora-exporter [flags] backup FILE            copy the database to a new file
  dora-exporter [flags] deliveries list        show the deliveries that can't be processed
  dora-exporter [flags] deliveries retry [ID…] have all of them or some tried again
  dora-exporter [flags] explain deployment OWNER/REPO#ID
                                               say what came of a deployment, what it ships, what is still waiting
  dora-exporter [flags] explain incident KEY   likewise of an issue of Jira, such as INC-7
  dora-exporter [flags] explain metric SERIES  say what a value is made of; SERIES is 'name{label="value",…}'
  dora-exporter [flags] report [its flags]     show the five DORA measures with their bands, worked out of all events

The commands work beside a running server; they need its configuration to find the database.

Flags (one or two dashes):
  -config.file FILE   the configuration; default config.yml, which need not be there
  -web.config.file F  TLS and basic auth, in the format of Prometheus' exporters; basic auth needs server.metrics_listen
  -log LEVEL          what to log: debug, info (default), warn or warning, error; -logs is the same
  -accept-store       go on with a database that is older than the checkpoint; the checkpoint is set aside
  -healthcheck        ask the server that runs here with this configuration for /readyz, and exit with 0 or 1; for containers
  -version            say which version this is
  -h                  this page

Flags of explain:
  -o FORMAT           text (default) or json
  -n COUNT            of a metric: how many facts of each series to show, the newest; default 50, 0 for all

Flags of report:
  -since AGE          how far to look back, such as 90d (default), 12w or 24h
  -by WHAT            a row for each team (default) or repo
  -o FORMAT           table (default), json, csv or markdown

Environment, used for what the configuration does not set:
  GITHUB_TOKEN            token for the GitHub API; without one, calls are unauthenticated
  GITHUB_WEBHOOK_SECRET   secret of GitHub's webhook; without one, unsigned webhooks are accepted
  JIRA_WEBHOOK_SECRET     secret of Jira's webhook; likewise
  BACKSTAGE_TOKEN         token for the Backstage catalog
  STORAGE_FILE_PATH       the checkpoint; default dora-exporter.prom
  OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS and the other variables of OpenTelemetry's exporters
                          push the metrics over OTLP; off without an endpoint
  OTEL_TRACES_EXPORTER    with otlp, push the way of each delivery as traces, too

Endpoints:
  POST /api/github    GitHub's webhook: events Deployments and Deployment statuses
  POST /api/jira      Jira's webhook: issue created, updated, deleted
  GET  /metrics       for Prometheus
  GET  /              state, the five measures, the last deliveries and what became of each
  GET  /explain/…     deployment/OWNER/REPO/ID, incident/KEY, metric?series=SERIES: what the command explain says
  GET  /healthz       200 while the process answers
  GET  /readyz        200 while it can do its work, else 503 with the reason

Configuration, for example:
  server:
    port: 8090
  github:
    owner: acme
    token_file: /run/secrets/github-token
    webhook_secret_file: /run/secrets/github-webhook
  teams:
    - name: Platform
      github_repositories: [acme/api, "platform/*", tools]
      jira_projects: [INC]
  storage:
    file:
      path: /data/dora-exporter.prom

Files, both in a folder on a local disk, used by one server at a time:
  dora-exporter.prom  the checkpoint: all values, in Prometheus' text format
  dora-exporter.db    the database, beside the checkpoint: all events

Exit status: 0 after SIGTERM, Ctrl-C or a command that is done; 1 when the configuration, a file or the port can't be used, or
the server is not ready (-healthcheck); 2 for a wrong command line.
`
