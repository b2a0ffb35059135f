package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"
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
	// Command is the subcommand with its arguments; empty for the server.
	Command []string
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
	err := set.Parse(args)
	for err == nil && set.NArg() > 0 { // flags may stand before and behind the words of a command
		f.Command = append(f.Command, set.Arg(0))
		err = set.Parse(set.Args()[1:])
	}
	if err == nil {
		_, err = findCommand(f.Command)
	}
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
		return errors.New("write debug, info, warn, warning or error")
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

The commands work beside a running server; they need its configuration to find the database.

Flags (one or two dashes):
  -config.file FILE   the configuration; default config.yml, which need not be there
  -web.config.file F  TLS and basic auth, in the format of Prometheus' exporters; basic auth needs server.metrics_listen
  -log LEVEL          what to log: debug, info (default), warn or warning, error; -logs is the same
  -accept-store       go on with a database that is older than the checkpoint; the checkpoint is set aside
  -version            say which version this is
  -h                  this page

Environment, used for what the configuration does not set:
  GITHUB_TOKEN            token for the GitHub API; without one, calls are unauthenticated
  GITHUB_WEBHOOK_SECRET   secret of GitHub's webhook; without one, unsigned webhooks are accepted
  JIRA_WEBHOOK_SECRET     secret of Jira's webhook; likewise
  BACKSTAGE_TOKEN         token for the Backstage catalog
  STORAGE_FILE_PATH       the checkpoint; default dora-exporter.prom
  OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS and the other variables of OpenTelemetry's exporters
                          push the metrics over OTLP; off without an endpoint

Endpoints:
  POST /api/github    GitHub's webhook: events Deployments and Deployment statuses
  POST /api/jira      Jira's webhook: issue created, updated, deleted
  GET  /metrics       for Prometheus
  GET  /              links and state
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

Exit status: 0 after SIGTERM, Ctrl-C or a command that is done; 1 when the configuration, a file or the port can't be used;
2 for a wrong command line.
`
