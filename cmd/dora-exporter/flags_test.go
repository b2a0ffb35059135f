package main

import (
	"errors"
	"flag"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"dora-exporter/cmd/dora-exporter/parent"
	"dora-exporter/config"
)

func TestFlags(t *testing.T) {
	for args, want := range map[string]flags{
		"":                               {ConfigFile: "config.yml", LogFormat: "logfmt"},
		"-config.file=a.yml":             {ConfigFile: "a.yml", LogFormat: "logfmt", ConfigFileNamed: true},
		"--config.file a.yml":            {ConfigFile: "a.yml", LogFormat: "logfmt", ConfigFileNamed: true},
		"-config.file=config.yml":        {ConfigFile: "config.yml", LogFormat: "logfmt", ConfigFileNamed: true},
		"-log debug":                     {ConfigFile: "config.yml", LogFormat: "logfmt", Level: slog.LevelDebug},
		"--logs=debug":                   {ConfigFile: "config.yml", LogFormat: "logfmt", Level: slog.LevelDebug},
		"-log info":                      {ConfigFile: "config.yml", LogFormat: "logfmt", Level: slog.LevelInfo},
		"-log warn":                      {ConfigFile: "config.yml", LogFormat: "logfmt", Level: slog.LevelWarn},
		"-logs warning":                  {ConfigFile: "config.yml", LogFormat: "logfmt", Level: slog.LevelWarn},
		"-log error":                     {ConfigFile: "config.yml", LogFormat: "logfmt", Level: slog.LevelError},
		"-log.level=warn":                {ConfigFile: "config.yml", LogFormat: "logfmt", Level: slog.LevelWarn},
		"--log.format=json":              {ConfigFile: "config.yml", LogFormat: "json"},
		"-log.format logfmt":             {ConfigFile: "config.yml", LogFormat: "logfmt"},
		"--web.listen-address=:9090":     {ConfigFile: "config.yml", LogFormat: "logfmt", ListenAddress: ":9090"},
		"-web.listen-address [::1]:80":   {ConfigFile: "config.yml", LogFormat: "logfmt", ListenAddress: "[::1]:80"},
		"-web.telemetry-path=/probe/m":   {ConfigFile: "config.yml", LogFormat: "logfmt", TelemetryPath: "/probe/m"},
		"--version":                      {ConfigFile: "config.yml", LogFormat: "logfmt", Version: true},
		"-web.config.file=w.yml":         {ConfigFile: "config.yml", LogFormat: "logfmt", WebConfigFile: "w.yml"},
		"-healthcheck":                   {ConfigFile: "config.yml", LogFormat: "logfmt", HealthCheck: true},
		"-accept-store":                  {ConfigFile: "config.yml", LogFormat: "logfmt", AcceptStore: true},
		"backup a.db":                    {ConfigFile: "config.yml", LogFormat: "logfmt", Command: []string{"backup", "a.db"}},
		"-config.file=b deliveries list": {ConfigFile: "b", LogFormat: "logfmt", ConfigFileNamed: true, Command: []string{"deliveries", "list"}},
		"deliveries -config.file b retry 1 2": {
			ConfigFile: "b", LogFormat: "logfmt", ConfigFileNamed: true, Command: []string{"deliveries", "retry", "1", "2"},
		},
		"-log debug -config.file=b -version": {ConfigFile: "b", LogFormat: "logfmt", ConfigFileNamed: true, Level: slog.LevelDebug, Version: true},
	} {
		var out, errOut strings.Builder
		got, err := parseFlags(strings.Fields(args), &out, &errOut)
		if err != nil || out.Len()+errOut.Len() > 0 {
			t.Errorf("%s: %v %s%s", args, err, &out, &errOut)
		}
		if (got.run == nil) != (len(want.Command) == 0) {
			t.Errorf("%s: there is something to be run: %t", args, got.run != nil)
		}
		if _, found := parent.FirstWord(strings.Fields(args)); found != (got.run != nil) {
			t.Errorf("%s: has a word: %t", args, found)
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(flags{})); diff != "" {
			t.Errorf("%s: -want +got:\n%s", args, diff)
		}
	}
	for args, want := range map[string]string{
		"-log loud": "must be one of: debug, info, warn, warning, error", "-nope": "-nope", "serve": `unknown command "serve"`, "backup": "backup [-check] FILE",
		"deliveries": `unknown command "deliveries"`, "deliveries list 1": "deliveries list;", "-config.file": "needs an argument",
		"-log.format xml": "must be one of: logfmt, json", "-log.level loud": "must be one of: debug", "-web.listen-address 9090": "must be host:port",
		"-web.listen-address :0": "must be host:port", "-web.telemetry-path m": "must be a path", "-web.telemetry-path /": "must be a path",
		"-web.telemetry-path /api/github": "already", "-web.telemetry-path /healthz": "already", "-web.telemetry-path /a?b": "must be a path",
	} {
		var out, errOut strings.Builder
		if _, err := parseFlags(strings.Fields(args), &out, &errOut); err == nil || errors.Is(err, flag.ErrHelp) {
			t.Errorf("%s: error %v", args, err)
		}
		if text := errOut.String(); !strings.Contains(text, want) || strings.Count(text, "\n") != 1 {
			t.Errorf("%s: told %q, want one line with %q", args, text, want)
		}
	}
}

// The process that a person starts finds out whether there is a command without these flags.
func TestFlagsWithoutValue(t *testing.T) {
	set := flag.NewFlagSet("", flag.ContinueOnError)
	new(flags).define(set)
	set.VisitAll(func(f *flag.Flag) {
		b, ok := f.Value.(interface{ IsBoolFlag() bool })
		boolean := ok && b.IsBoolFlag()
		if _, found := parent.FirstWord([]string{"-" + f.Name, "report"}); found != boolean {
			t.Errorf("-%s report has a word: %t", f.Name, found)
		}
	})
}

// checkFlags parses command lines, which are refused with a text in one line, or accepted if the text is empty.
func checkFlags(t *testing.T, refusals map[string]string) {
	t.Helper()
	for args, want := range refusals {
		var out, errOut strings.Builder
		_, err := parseFlags(strings.Fields(args), &out, &errOut)
		if text := errOut.String(); (err != nil) != (want != "") || !strings.Contains(text, want) || strings.Count(text, "\n") > 1 {
			t.Errorf("%s: %v, told %q, want one line with %q", args, err, text, want)
		}
	}
}

func TestHelp(t *testing.T) {
	for _, arg := range []string{"-h", "--h", "-help", "--help"} {
		var out, errOut strings.Builder
		if _, err := parseFlags([]string{arg}, &out, &errOut); !errors.Is(err, flag.ErrHelp) || errOut.Len() > 0 {
			t.Errorf("%s: %v, %s", arg, err, &errOut)
		}
		for _, word := range []string{
			"-config.file", "-web.config.file", "-web.listen-address", "-web.telemetry-path", "-log", "-logs", "-log.level", "-log.format", "-version", "-accept-store", "GITHUB_TOKEN", "STORAGE_FILE_PATH", "GITHUB_WEBHOOK_SECRET",
			"JIRA_WEBHOOK_SECRET", "BACKSTAGE_TOKEN", "/api/github", "/api/jira", "/metrics", "/healthz", "/readyz", "backup [-check] FILE",
			"deliveries list", "deliveries retry", "explain deployment OWNER/REPO#ID", "explain incident KEY", "explain metric SERIES", "-healthcheck",
		} {
			if !strings.Contains(out.String(), word) {
				t.Errorf("%s: the page has no %s", arg, word)
			}
		}
	}
	for _, c := range commands {
		set := flag.NewFlagSet("", flag.ContinueOnError)
		c.prepare(set)
		set.VisitAll(func(f *flag.Flag) {
			if !strings.Contains(help, "-"+f.Name+" ") {
				t.Errorf("the page has no -%s of %s", f.Name, strings.Join(c.words, " "))
			}
		})
	}
	for line := range strings.Lines(help) {
		if len(line) > 130 {
			t.Errorf("too long for a screen: %s", line)
		}
	}
}

// The examples are configurations that work.
func TestHelpExamples(t *testing.T) {
	_, rest, _ := strings.Cut(help, "for example:\n")
	example, storage, _ := strings.Cut(rest, "\nStorage,")
	example = strings.ReplaceAll(example, "_file: /run/secrets/", ": ")
	if c, _, err := config.Parse("help", []byte(example), func(string) string { return "" }); err != nil || c.GitHub.Owner != "acme" || len(c.Teams) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	_, storage, _ = strings.Cut(storage, "(replicas)\n")
	storage, _, _ = strings.Cut(storage, "\n\n")
	if c, _, err := config.Parse("help", []byte(storage), func(string) string { return "" }); err != nil || !c.Storage.IsPostgreSQL() || c.Storage.Schema != "dora_exporter" {
		t.Errorf("%q: %+v, %v", storage, c, err)
	}
}
