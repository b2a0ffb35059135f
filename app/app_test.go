package app

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/config"
	"dora-exporter/persistence/sqlstore"
)

// fakeClock is a machine's clock that only advance moves.
type fakeClock struct{ elapsed atomic.Int64 }

var fakeStart = time.Date(2026, 1, 10, 15, 0, 0, 0, time.UTC)

func (c *fakeClock) advance(d time.Duration) { c.elapsed.Add(int64(d)) }

func (c *fakeClock) machine() *sqlstore.Machine {
	elapsed := func() time.Duration { return time.Duration(c.elapsed.Load()) }
	return &sqlstore.Machine{Wall: func() time.Time { return fakeStart.Add(elapsed()) }, Elapsed: elapsed}
}

const testSecret = "a secret of Jira"

// testOptions returns the options of a server on a free port with a store in a temporary folder.
func testOptions(t *testing.T, clock *fakeClock) Options {
	t.Helper()
	github := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(github.Close)
	text := fmt.Sprintf("server: {host: 127.0.0.1}\ngithub: {base_url: %s}\njira: {webhook_secret: %s}\nstorage: {file: {path: %s}}\n"+
		"teams: [{name: Platform, jira_projects: [INC]}]\n", github.URL, testSecret, filepath.Join(t.TempDir(), "dora-exporter.prom"))
	c, _, err := config.Parse("config.yml", []byte(text), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	c.Server.Port = 0 // any free port
	return Options{Config: c, Version: "1.2.3", Logger: slog.New(slog.DiscardHandler), Machine: clock.machine(), CheckpointInterval: 10 * time.Millisecond}
}

// parsedOptions returns the options of an exporter on any free port with a configuration.
func parsedOptions(t *testing.T, text string) Options {
	t.Helper()
	c, _, err := config.Parse("config.yml", []byte(text), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	c.Server.Port = 0
	return Options{Config: c, Logger: slog.New(slog.DiscardHandler)}
}

// startApp returns a running App, which prepare may change before it starts. It is stopped at the end of the test unless stopApp has stopped it.
func startApp(t *testing.T, o Options, prepare ...func(*App)) *App {
	t.Helper()
	a, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range prepare {
		change(a)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err, a.Close())
	}
	t.Cleanup(func() { stopApp(t, a) })
	return a
}

// withoutWaits lets backfills not wait between their calls.
func withoutWaits(a *App) { a.sleep = func(context.Context, time.Duration) {} }

// awaitRequest returns the request for a backfill when something holds for it.
func (a *App) awaitRequest(t *testing.T, holds func(backfillState) bool) (state backfillState) {
	t.Helper()
	for ; !holds(state); time.Sleep(20 * time.Millisecond) {
		if state.Done || t.Context().Err() != nil {
			t.Fatalf("%+v", state)
		}
		state = backfillState{}
		if _, err := a.store.BackfillPart(t.Context(), requestPart, &state); err != nil {
			t.Fatal(err)
		}
	}
	return state
}

// stopApp stops and closes an App. A second call does nothing.
func stopApp(t *testing.T, a *App) {
	t.Helper()
	if a.stop == nil {
		return
	}
	if err := a.Stop(); err != nil {
		t.Error(err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

func postIncident(t *testing.T, a *App, event, fields string) {
	t.Helper()
	body := fmt.Sprintf(`{"timestamp":1768053600000,"webhookEvent":"jira:issue_%s","issue":{"id":"10001","key":"INC-1",
		"self":"https://jira.example.com/rest/api/2/issue/10001","fields":{"project":{"key":"INC"},"priority":{"name":"High"},
		"created":"2026-01-10T12:30:00.000+0000",%s}},"changelog":{"id":%q}}`, event, fields, event)
	mac := hmac.New(sha256.New, []byte(testSecret))
	mac.Write([]byte(body))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+a.Addresses()[0]+"/api/jira", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Hub-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	if status, text := answer(t, request); status != http.StatusAccepted {
		t.Fatalf("status %d: %s", status, text)
	}
}

func answer(t *testing.T, request *http.Request) (status int, text string) {
	t.Helper()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// samples returns the samples on /metrics that begin with a prefix.
func samples(t *testing.T, a *App, prefix string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+a.Addresses()[0]+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	_, text := answer(t, request)
	var found strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) {
			found.WriteString(line)
		}
	}
	return found.String()
}

// waitFor scrapes until there are samples with a prefix that contain text.
func waitFor(t *testing.T, a *App, prefix, text string) string {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		found := samples(t, a, prefix)
		if strings.Contains(found, text) {
			return found
		}
		if time.Now().After(deadline) {
			t.Fatalf("no %s in\n%s", text, found)
		}
	}
}

func TestRestart(t *testing.T) {
	clock := &fakeClock{}
	o := testOptions(t, clock)

	first := startApp(t, o)
	postIncident(t, first, "created", `"resolutiondate":null,"status":{"statusCategory":{"key":"new"}}`)
	postIncident(t, first, "updated", `"resolutiondate":"2026-01-10T14:00:00.000+0000","status":{"statusCategory":{"key":"done"}}`)
	want := waitFor(t, first, "jira_incidents", `jira_incidents_duration_sum{project="INC",team="Platform"} 5400`)
	stopApp(t, first)

	second := startApp(t, o)
	if diff := cmp.Diff(want, samples(t, second, "jira_incidents")); diff != "" {
		t.Errorf("-before +after:\n%s", diff)
	}
	if early := samples(t, second, "dora_incident_recovery_seconds_count"); strings.Contains(early, "} 1") {
		t.Errorf("evaluated before deployments.settle has passed:\n%s", early)
	}
	stopApp(t, second)

	// The store's clock decides what is due.
	third := startApp(t, o)
	clock.advance(o.Config.Policy.Settle)
	waitFor(t, third, "dora_incident_recovery_seconds_count", "} 1\n")
}

// Times of the program itself come from the injected clock.
func TestClock(t *testing.T) {
	clock := &fakeClock{}
	o := testOptions(t, clock)
	o.CheckpointInterval = time.Hour
	a := startApp(t, o)
	clock.advance(42 * time.Minute)
	if age := samples(t, a, "dora_exporter_checkpoint_age_seconds"); age != "dora_exporter_checkpoint_age_seconds 2520\n" {
		t.Errorf("the checkpoint is 42 minutes old: %s", age)
	}
}

// Two servers never share a store, and a closed one leaves no lock.
func TestStoreInUse(t *testing.T) {
	o := testOptions(t, &fakeClock{})
	first := startApp(t, o)
	if second, err := New(t.Context(), o); err == nil {
		t.Errorf("a second server opened the store: %v", second.Close())
	}
	stopApp(t, first)
	stopApp(t, startApp(t, o))
}

func TestRun(t *testing.T) {
	o := testOptions(t, &fakeClock{})
	var log lockedLog
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	ctx, cancel := contextEndedBy(t, &log, "msg=ready")
	defer cancel()
	if err := Run(ctx, o); err != nil {
		t.Error(err)
	}
	for _, line := range []string{"msg=listening", "msg=ready", "msg=stopping", "msg=stopped"} {
		if !strings.Contains(log.String(), line) {
			t.Errorf("the log has no %s:\n%s", line, log.String())
		}
	}
	stopApp(t, startApp(t, o)) // Run has closed the store
}
