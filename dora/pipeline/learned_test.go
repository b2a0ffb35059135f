package pipeline_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/dora/rules"
	"dora-exporter/persistence/teststore"
)

// An evaluation may learn the origin of a commit before its look-up is made, as after a stop: GitHub isn't asked again.
func TestLookUpOfAnOriginThatIsKnown(t *testing.T) {
	for name, c := range map[string]struct {
		learned []time.Duration // from the first commit to the status
		calls   int64
		want    int64
	}{
		"learned":     {[]time.Duration{30 * time.Minute}, 0, 1_800_000},
		"learned two": {[]time.Duration{30 * time.Minute, 20 * time.Minute}, 0, 1_200_000},
		"not learned": {nil, 1, 3_600_000},
	} {
		t.Run(name, func(t *testing.T) {
			store := openStore(t)
			e := status(1, "success", 0)
			accept(t, store, e)
			process(t, store, platform{})
			for _, before := range c.learned {
				err := store.Update(t.Context(), func(tx dora.Tx) error {
					return tx.Commits().SaveOrigin(e.Status.Deployment.Commit().Key(), dora.Origin{FirstCommit: morning.Add(-before)})
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			look := &lookUp{answer: began(time.Hour)}
			lookUpAll(t, store, noLimit(), look)
			if got := look.calls.Load(); got != c.calls {
				t.Errorf("%d calls, want %d", got, c.calls)
			}
			sum := stateOf(t, store)[dora.DeploymentsDurationSum][dora.DeploymentLabels(e.Status.Deployment, "success", "Platform").Key()]
			if sum.Own != c.want {
				t.Errorf("the duration is %d ms, want %d", sum.Own, c.want)
			}
		})
	}
}

// The log has the duration of each status, of one that waits for the look-up and of one that comes after it.
func TestLogOfDurations(t *testing.T) {
	store := openStore(t)
	var log bytes.Buffer
	logging := noLimit()
	logging.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	p := &pipeline.Processor{Store: store, Catalog: platform{}, Rules: logging, Logger: slog.New(slog.DiscardHandler), Now: time.Now}
	for i, state := range []string{"in_progress", "success"} {
		accept(t, store, status(int64(i), state, time.Duration(i)*5*time.Minute))
		if err := p.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		lookUpAll(t, store, logging, &lookUp{answer: began(3 * time.Hour)})
	}
	for _, line := range []string{"repo=web sha=c0ffee commit_duration=3h0m0s", "repo=web sha=c0ffee commit_duration=3h5m0s"} {
		if n := strings.Count(log.String(), line+"\n"); n != 1 {
			t.Errorf("the log has %d lines %q, want 1:\n%s", n, line, log.String())
		}
	}
}

// lookUpAll makes look-ups until none is left.
func lookUpAll(t *testing.T, store *teststore.Store, r *rules.Rules, github *lookUp) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		(&pipeline.Lookups{Store: store, Enricher: github, Rules: r, Logger: slog.New(slog.DiscardHandler), Now: time.Now}).Run(ctx)
	})
	defer running.Wait()
	defer cancel()
	for waiting := true; waiting; time.Sleep(time.Millisecond) {
		b, err := store.Backlog(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		waiting = b.LookUps > 0
	}
}
