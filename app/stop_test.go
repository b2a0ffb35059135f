package app

import (
	"context"
	"os"
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
