package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/config"
	"dora-exporter/demo"
	"dora-exporter/report"
)

// halfYear is a half year of several teams, as GitHub has it and as webhooks told it.
type halfYear struct {
	github *demo.GitHub
	server *httptest.Server
	events []demo.Event
	end    time.Time
}

var demoSecrets = demo.Secrets{GitHub: "github", Jira: "jira"}

func newHalfYear(t *testing.T) *halfYear {
	t.Helper()
	h := &halfYear{end: time.Now().UTC().Truncate(time.Second)}
	var repositories []*demo.Repository
	repositories, h.events = demo.HalfYear(demoSecrets, h.end, 1)
	h.github = demo.NewGitHub(repositories...)
	h.server = httptest.NewServer(h.github)
	t.Cleanup(h.server.Close)
	return h
}

// options returns the options of an exporter with a store of its own.
func (h *halfYear) options(t *testing.T) Options {
	t.Helper()
	var teams strings.Builder
	for _, team := range demo.Teams {
		fmt.Fprintf(&teams, "- {name: %s, jira_projects: [%s], github_repositories: [%s]}\n", team.Name, team.Project, strings.Join(team.Repositories, ", "))
	}
	text := fmt.Sprintf("server: {host: 127.0.0.1}\ngithub: {owner: acme, base_url: %s, webhook_secret: github}\njira: {webhook_secret: jira}\n"+
		"storage: {file: {path: %s}}\ndeployments: {settle: 1s}\nteams:\n%s", h.server.URL, filepath.Join(t.TempDir(), "dora-exporter.prom"), teams.String())
	c, _, err := config.Parse("config.yml", []byte(text), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	c.Server.Port = 0
	return Options{Config: c, Logger: slog.New(slog.DiscardHandler)}
}

// send sends webhooks to an App.
func (h *halfYear) send(t *testing.T, a *App, events []demo.Event, path string) {
	t.Helper()
	for _, e := range events {
		if e.Webhook.Path != path {
			continue
		}
		q, err := e.Webhook.Request(t.Context(), "http://"+a.Addresses()[0])
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusAccepted {
			t.Fatalf("%s: %s", e.Webhook.Body, answer.Status)
		}
	}
}

// reported returns the report about the half year by repository.
func (h *halfYear) reported(t *testing.T, o Options) report.Report {
	t.Helper()
	made, err := Report(context.Background(), o.Config, report.Options{Since: 180 * 24 * time.Hour, Now: h.end.Add(time.Minute), ByRepository: true})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func metricsOf(t *testing.T, a *App) string {
	t.Helper()
	answer, err := http.Get("http://" + a.Addresses()[0] + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A half year that was read afterwards gives the report that it would have given when it happened, and no series on /metrics.
func TestBackfillReportsWhatWebhooksWouldHave(t *testing.T) {
	h := newHalfYear(t)
	live := h.options(t)
	a := startApp(t, live)
	h.send(t, a, h.events, "/api/github")
	if err := a.waitUntilSettled(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := h.reported(t, live)
	before, _ := h.github.Calls()

	read := h.options(t)
	made, err := Backfill(t.Context(), read, BackfillRequest{Since: h.end.AddDate(0, 0, -183)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, h.reported(t, read)); diff != "" {
		t.Errorf("-webhooks +backfill:\n%s", diff)
	}
	calls, points := h.github.Calls()
	t.Logf("%+v; %d calls, %d points; %d calls by webhooks", made, calls-before, points, before)
	b := startApp(t, read)
	for line := range strings.Lines(metricsOf(t, b)) {
		if strings.HasPrefix(line, "github_deployments") || strings.HasPrefix(line, "dora_deployments") || strings.HasPrefix(line, "dora_change") {
			t.Errorf("a series of History: %s", line)
		}
	}
}
