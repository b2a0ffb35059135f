package main

import (
	"log/slog"
	"strings"
	"testing"
)

func TestLogLines(t *testing.T) {
	var b strings.Builder
	logger := newLogger(&b, slog.LevelDebug)
	logger.Info("", "endpoint", "github", "environment", "production", "repository", "web", "status", "success", "team", "Platform", "sha", "abc")
	logger.Warn("look out", "error", "two\nlines \"quoted\"")
	logger.Debug("", "counter", "deployments_count", "action", "inc")
	var got []string
	for line := range strings.Lines(b.String()) {
		if !strings.HasPrefix(line, "time=20") {
			t.Errorf("no time in %s", line)
		}
		_, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		got = append(got, rest)
	}
	want := []string{
		"level=info endpoint=github environment=production repository=web status=success team=Platform sha=abc",
		`level=warn msg="look out" error="two\nlines \"quoted\""`,
		"level=debug counter=deployments_count action=inc",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestLogLevel(t *testing.T) {
	var b strings.Builder
	logger := newLogger(&b, slog.LevelWarn)
	logger.Info("no")
	logger.Error("yes")
	if got := b.String(); strings.Contains(got, "no") || !strings.Contains(got, "level=error msg=yes") {
		t.Errorf("got %s", got)
	}
}
