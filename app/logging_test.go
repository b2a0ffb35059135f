package app

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestLogLines(t *testing.T) {
	var b strings.Builder
	logger := NewLogger(&b, slog.LevelDebug, "logfmt")
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

func TestLongValues(t *testing.T) {
	var b strings.Builder
	long := strings.Repeat("é", maxValueBytes)
	NewLogger(&b, slog.LevelInfo, "logfmt").Error("long", "text", long, "error", errors.New(long))
	half := strings.Repeat("é", maxValueBytes/2)
	if got, want := b.String(), " level=error msg=long text="+half+"… error="+half+"…\n"; !strings.HasSuffix(got, want) {
		t.Errorf("%d bytes, want %d after the time: %.100q", len(got), len(want), got)
	}
}

func TestLogLevel(t *testing.T) {
	var b strings.Builder
	logger := NewLogger(&b, slog.LevelWarn, "logfmt")
	logger.Info("no")
	logger.Error("yes")
	if got := b.String(); strings.Contains(got, "no") || !strings.Contains(got, "level=error msg=yes") {
		t.Errorf("got %s", got)
	}
}

func TestJSONLogLines(t *testing.T) {
	var b strings.Builder
	logger := NewLogger(&b, slog.LevelInfo, "json")
	logger.Info("", "endpoint", "github", "status", "success")
	logger.Error("stopped", "error", errors.New("two\nlines"))
	var got []string
	for line := range strings.Lines(b.String()) {
		begin, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ",")
		if !strings.HasPrefix(begin, `{"time":"20`) {
			t.Errorf("no time in %s", line)
		}
		got = append(got, rest)
	}
	want := []string{`"level":"info","endpoint":"github","status":"success"}`, `"level":"error","msg":"stopped","error":"two\nlines"}`}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
