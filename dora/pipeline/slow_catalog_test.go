package pipeline_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
)

// slowCatalog looks up one repository at a time, in seven seconds each, and goes on without its callers. It knows web from the beginning.
type slowCatalog struct {
	platform
	mu    sync.Mutex
	turn  chan struct{}
	known map[string]bool
}

func (c *slowCatalog) RepositoryTeam(ctx context.Context, _, _, repository string) (string, error) {
	c.mu.Lock()
	known := c.known[repository]
	c.mu.Unlock()
	if known {
		return "Platform", nil
	}
	select {
	case c.turn <- struct{}{}:
		go func() {
			time.Sleep(7 * time.Second)
			c.mu.Lock()
			c.known[repository] = true
			c.mu.Unlock()
			<-c.turn
		}()
	case <-ctx.Done():
	}
	<-ctx.Done()
	return "", ctx.Err()
}

// A catalog that answers slowly holds up a batch for seconds. What it has not told yet is postponed and counts under its team in the end,
// however long that takes.
func TestSlowCatalog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := openStore(t)
		for i := range 20 {
			e := status(int64(i+1), "success", 0)
			e.Status.Deployment.Repository = fmt.Sprint("slow-", i)
			accept(t, store, e)
		}
		accept(t, store, status(21, "success", 0))
		var log strings.Builder
		c := &slowCatalog{turn: make(chan struct{}, 1), known: map[string]bool{"web": true}}
		p := &pipeline.Processor{
			Store: store, Catalog: c, Rules: noLimit(), Logger: slog.New(slog.NewTextHandler(&log, nil)), MaxWait: time.Minute, Now: time.Now,
			OnTeamGivenUp: func() { t.Error("a team is given up") },
		}
		run := func(d time.Duration) {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			p.Run(ctx)
		}
		run(4 * time.Second)
		wantFacts(t, store, "at first", series(dora.DeploymentsTotal, "success")+"1")
		for id := range 60 { // 20 × 7 seconds are more than MaxWait; what is known is counted meanwhile
			accept(t, store, status(int64(id+22), "success", 0))
			run(5 * time.Second)
		}
		if n := strings.Count(strings.Join(facts(t, store), "\n"), `team="Platform"`); n != 81 {
			t.Errorf("%d deployments are counted, want 81", n)
		}
		for _, want := range []string{"finding teams failed", "did not answer within 3s", "finding teams works again"} {
			if strings.Count(log.String(), want) != 1 {
				t.Errorf("the log says %q not once:\n%s", want, log.String())
			}
		}
	})
}
