package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// stoppedCatalog answers from its second call on. The first call ends with its context.
type stoppedCatalog struct {
	calls atomic.Int32
	// asked is closed by the first call.
	asked chan struct{}
}

func (c *stoppedCatalog) ProjectTeam(ctx context.Context, _ string) (string, error) {
	if c.calls.Add(1) > 1 {
		return "Platform", nil
	}
	close(c.asked)
	<-ctx.Done()
	return "", ctx.Err()
}

func (c *stoppedCatalog) RepositoryTeam(ctx context.Context, _, _, repository string) (string, error) {
	return c.ProjectTeam(ctx, repository)
}

// Stop processes what was accepted and is still pending, and the last checkpoint has it.
func TestStopProcessesPendingDeliveries(t *testing.T) {
	o := testOptions(t, &fakeClock{})
	o.CheckpointInterval = time.Hour // only Stop writes one
	a, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	catalog := &stoppedCatalog{asked: make(chan struct{})}
	a.processor.Catalog = catalog
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err, a.Close())
	}
	t.Cleanup(func() { stopApp(t, a) })
	postIncident(t, a, "created", `"resolutiondate":null,"status":{"statusCategory":{"key":"new"}}`)
	<-catalog.asked
	postIncident(t, a, "updated", `"resolutiondate":"2026-01-10T14:00:00.000+0000","status":{"statusCategory":{"key":"done"}}`)
	stopApp(t, a)

	checkpoint, err := os.ReadFile(o.Config.Storage.File.Path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`jira_incidents{project="INC",team="Platform"} 1`,
		`jira_incidents_duration_sum{project="INC",team="Platform"} 5400`, // 12:30 to 14:00
	} {
		if !strings.Contains(string(checkpoint), want+"\n") {
			t.Errorf("the checkpoint lacks %s:\n%s", want, checkpoint)
		}
	}
}

// A request that has begun is answered although the program is stopped before it is ready.
func TestStopBeforeReady(t *testing.T) {
	o := parsedOptions(t, fmt.Sprintf("storage: {file: {path: %s}}\n", filepath.Join(t.TempDir(), "dora-exporter.prom")))
	a, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	restoring := make(chan struct{})
	a.store.await = func(ctx context.Context, _ func() error) error {
		close(restoring)
		<-ctx.Done()
		return ctx.Err()
	}
	started := make(chan error)
	go func() { started <- a.Start(ctx) }()
	<-restoring
	body, end := io.Pipe()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+a.Addresses()[0]+"/api/jira", body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Expect", "100-continue") // the body is sent when it is read
	go func() {
		_, _ = io.WriteString(end, `{"webhookEvent":"jira:issue_created","issue":{"id":"7","key":"INC-7",`)
		stop()
		_, _ = io.WriteString(end, `"fields":{"project":{"key":"INC"}}}}`)
		_ = end.Close()
	}()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		t.Errorf("the request got status %d", response.StatusCode)
	}
	if err := <-started; !errors.Is(err, context.Canceled) {
		t.Errorf("Start returned %v", err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}
