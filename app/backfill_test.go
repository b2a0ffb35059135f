package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/config"
	"dora-exporter/demo"
	"dora-exporter/dora/pipeline"
	"dora-exporter/report"
)

// halfYear is a half year of a repository, as GitHub has it and as webhooks told it.
type halfYear struct {
	github *demo.GitHub
	server *httptest.Server
	events []demo.Event
	end    time.Time
	// onCall is called before each call of GitHub; it may be nil.
	onCall func()
}

var demoSecrets = demo.Secrets{GitHub: "github", Jira: "jira"}

func newHalfYear(t *testing.T) *halfYear {
	t.Helper()
	h := &halfYear{end: time.Now().UTC().Truncate(time.Second)}
	repositories, events := demo.HalfYear(demoSecrets, h.end, 1)
	repositories = slices.DeleteFunc(repositories, func(r *demo.Repository) bool { return r.Name != "app" })
	h.events = slices.DeleteFunc(events, func(e demo.Event) bool {
		return !strings.Contains(string(e.Webhook.Body), "acme/app") || e.Webhook.Path != "/api/github"
	})
	h.github = demo.NewGitHub(repositories...)
	h.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if h.onCall != nil {
			h.onCall()
		}
		h.github.ServeHTTP(w, q)
	}))
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
func (h *halfYear) send(t *testing.T, a *App, events ...demo.Event) {
	t.Helper()
	for _, e := range events {
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
func TestBackfillLikeWebhooks(t *testing.T) {
	h := newHalfYear(t)
	live := h.options(t)
	a := startApp(t, live)
	h.send(t, a, h.events...)
	if err := a.waitUntilSettled(t.Context(), func(int) {}); err != nil {
		t.Fatal(err)
	}
	want := h.reported(t, live)
	before, _ := h.github.Calls()
	if len(want.Rows) != 1 || want.Rows[0].Frequency.Observations < 15 || len(want.Differences) > 0 {
		t.Fatalf("the half year is not worth a comparison: %+v", want)
	}

	read := h.options(t)
	made, err := Backfill(t.Context(), read, BackfillRequest{Since: h.end.AddDate(0, 0, -183)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, h.reported(t, read)); diff != "" {
		t.Errorf("-webhooks +backfill:\n%s", diff)
	}
	explained, err := ExplainMetric(t.Context(), read.Config, `dora_deployments_total{environment="production",outcome="success"}`, 1)
	if err != nil {
		t.Fatal(err)
	}
	if text := explained.Text(); strings.Count(text, "  History: a backfill brought what happened before the database was created") != 1 {
		t.Errorf("the explanation is %s", text)
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

// A backfill that is interrupted again and again, while webhooks of the same deployments arrive, brings each event once and asks for no page
// twice.
func TestBackfillInterrupted(t *testing.T) {
	h := newHalfYear(t)
	whole := h.options(t)
	request := BackfillRequest{Since: h.end.AddDate(0, 0, -183)}
	if _, err := Backfill(t.Context(), whole, request, nil); err != nil {
		t.Fatal(err)
	}
	want := h.reported(t, whole)
	calls, _ := h.github.Calls()

	o := h.options(t)
	var allowed atomic.Int64
	for n := range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		allowed.Store(int64(n % 4))
		h.onCall = func() {
			if allowed.Add(-1) < 0 {
				cancel()
			}
		}
		if _, err := Backfill(ctx, o, request, nil); err == nil {
			break
		}
		cancel()
	}
	h.onCall = nil
	a := startApp(t, o)
	h.send(t, a, h.events[len(h.events)/2:]...)
	stopApp(t, a)
	if _, err := Backfill(t.Context(), o, request, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.Rows, h.reported(t, o).Rows); diff != "" {
		t.Errorf("-whole +interrupted:\n%s", diff)
	}
	again, _ := h.github.Calls()
	if starts := 21; again-calls > calls+3*starts { // each start asks what there is, and repeats the call that was interrupted
		t.Errorf("%d calls, %d when it was interrupted", calls, again-calls)
	}
}

// The first start reads what backfill.since asks for, beside the webhooks, even if the catalog does not answer at first. Later starts don't
// read it again.
func TestBackfillAtTheFirstStart(t *testing.T) {
	h := newHalfYear(t)
	o := h.options(t)
	o.Config.Backfill.Since = h.end.AddDate(0, 0, -183)
	a, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var listed atomic.Int32
	a.catalogued = func(context.Context) ([]string, error) {
		if listed.Add(1) == 1 {
			return nil, errors.New("502 Bad Gateway")
		}
		return nil, nil
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err, a.Close())
	}
	t.Cleanup(func() { stopApp(t, a) })
	wait := func() (state backfillState) {
		t.Helper()
		for !state.Done {
			state = backfillState{}
			if _, err := a.store.BackfillPart(t.Context(), requestPart, &state); err != nil {
				t.Fatal(err)
			}
			pipeline.Sleep(t.Context(), 10*time.Millisecond)
		}
		return state
	}
	if state := wait(); state.Error != "" || state.Progress.Deployments == 0 || listed.Load() != 2 {
		t.Fatalf("%d lists: %+v", listed.Load(), state)
	}
	if err := a.waitUntilSettled(t.Context(), func(int) {}); err != nil {
		t.Fatal(err)
	}
	made := h.reported(t, o)
	if len(made.Rows) != 1 || len(made.Differences) > 0 {
		t.Errorf("%+v", made)
	}
	stopApp(t, a)
	calls, _ := h.github.Calls()
	a = startApp(t, o)
	wait()
	if again, _ := h.github.Calls(); again != calls {
		t.Errorf("%d calls after the second start", again-calls)
	}
}
