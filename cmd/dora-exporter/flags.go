package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"dora-exporter/app"
	"dora-exporter/config"
	"dora-exporter/internal/age"
)

// flags is the parsed command line.
type flags struct {
	// ConfigFile is the path of the configuration; ConfigFileNamed is true if the command line has it, so the file must exist.
	ConfigFile      string
	ConfigFileNamed bool
	// WebConfigFile is the path of the file with TLS and basic auth; empty if there is none.
	WebConfigFile string
	// ListenAddress replaces server.host and server.port; empty if it is not set.
	ListenAddress string
	// TelemetryPath is a second path of /metrics; empty if there is none.
	TelemetryPath string
	Level         slog.Level
	// LogFormat is logfmt or json.
	LogFormat   string
	AcceptStore bool
	Version     bool
	// HealthCheck asks the running server whether it is ready.
	HealthCheck bool
	// Command is the subcommand with its arguments, and run executes it; empty and nil for the server.
	Command []string
	// sections are the sections of the configuration to read; all if empty. readsConfig is true if run reads it itself.
	sections    []string
	readsConfig bool
	run         func(context.Context, *config.Config, io.Writer) error
}

// parseFlags parses the command line. For -h it prints the help to out and returns flag.ErrHelp; other errors it prints to errOut.
func parseFlags(args []string, out, errOut io.Writer) (flags, error) {
	f := flags{}
	set := flag.NewFlagSet("dora-exporter", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	format := f.define(set)
	err := f.parse(set, args)
	f.LogFormat = *format
	if errors.Is(err, flag.ErrHelp) {
		_, _ = io.WriteString(out, help)
		return f, err
	}
	if err != nil {
		_, _ = fmt.Fprintf(errOut, "dora-exporter: %v; run dora-exporter -h for help\n", err)
		return f, err
	}
	set.Visit(func(g *flag.Flag) { f.ConfigFileNamed = f.ConfigFileNamed || g.Name == "config.file" })
	return f, nil
}

// define defines the program's flags, and returns the value of -log.format. Package parent knows those without a value.
func (f *flags) define(set *flag.FlagSet) (format *string) {
	set.StringVar(&f.ConfigFile, "config.file", "config.yml", "")
	set.StringVar(&f.WebConfigFile, "web.config.file", "", "")
	set.Func("web.listen-address", "", f.setListenAddress)
	set.Func("web.telemetry-path", "", f.setTelemetryPath)
	for _, name := range []string{"log", "logs", "log.level"} {
		set.Func(name, "", f.setLevel)
	}
	set.BoolVar(&f.AcceptStore, "accept-store", false, "")
	set.BoolVar(&f.Version, "version", false, "")
	set.BoolVar(&f.HealthCheck, "healthcheck", false, "")
	return oneOf(set, "log.format", "logfmt", "json")
}

// parse parses flags and the words of a command. The program's flags may come before, between and after the words, the command's
// own flags only after them.
func (f *flags) parse(set *flag.FlagSet, args []string) error {
	var c *command
	var run action
	err := set.Parse(args)
	for err == nil && set.NArg() > 0 {
		f.Command = append(f.Command, set.Arg(0))
		if c == nil {
			if c = findCommand(f.Command); c != nil {
				run = c.prepare(set)
			}
		}
		err = set.Parse(set.Args()[1:])
	}
	switch {
	case err != nil:
		return err
	case c != nil:
		args := f.Command[len(c.words):]
		f.sections, f.readsConfig = c.sections, c.sections == nil
		f.run = func(ctx context.Context, c *config.Config, out io.Writer) error { return run(ctx, c, args, out) }
		return c.check(args)
	case f.HealthCheck && len(f.Command) == 0:
		f.sections = []string{"server"}
	case len(f.Command) > 0:
		return fmt.Errorf("unknown command %q", strings.Join(f.Command, " "))
	}
	return nil
}

func (f *flags) setListenAddress(text string) error {
	if !config.IsListenAddress(text) {
		return errors.New("must be host:port or :port")
	}
	f.ListenAddress = text
	return nil
}

func (f *flags) setTelemetryPath(text string) error {
	if !app.IsTelemetryPath(text) {
		return errors.New("must be a path such as /probe/metrics, and none that the exporter has already")
	}
	f.TelemetryPath = text
	return nil
}

var levels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "warning": slog.LevelWarn, "error": slog.LevelError,
}

func (f *flags) setLevel(text string) error {
	level, known := levels[text]
	if !known {
		return errors.New("must be one of: debug, info, warn, warning, error")
	}
	f.Level = level
	return nil
}

// oneOf defines a flag with a fixed set of values, the first of which is the default.
func oneOf(set *flag.FlagSet, name string, options ...string) *string {
	value := options[0]
	set.Func(name, "", func(text string) error {
		if !slices.Contains(options, text) {
			return fmt.Errorf("must be one of: %s", strings.Join(options, ", "))
		}
		value = text
		return nil
	})
	return &value
}

// timeFlag defines a flag for a time: a date, or how long ago it was.
func timeFlag(set *flag.FlagSet, name string, to *time.Time) {
	set.Func(name, "", func(text string) (err error) {
		*to, err = age.ParseTime(text, time.Now().UTC())
		return err
	})
}

// help is the answer to -h.
//
//go:embed help.txt
var help string
