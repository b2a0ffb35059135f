package pipeline_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/persistence/teststore"
)

// outage is a catalog that fails until a time.
type outage struct{ until time.Time }

func (o outage) RepositoryTeam(context.Context, string, string, string) (string, error) {
	if time.Now().Before(o.until) {
		return "", errors.New("backstage is down")
	}
	return "Platform", nil
}

func (o outage) ProjectTeam(ctx context.Context, _ string) (string, error) {
	return o.RepositoryTeam(ctx, "", "", "")
}

func TestWaitForTeam(t *testing.T) {
	for name, test := range map[string]struct {
		down    time.Duration
		team    string
		givenUp int
	}{
		"shorter than max_wait": {down: 10 * time.Minute, team: "Platform"},
		"longer than max_wait":  {down: time.Hour, team: dora.Unknown, givenUp: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := openStore(t)
				accept(t, store, status(1, "success", 0))
				givenUp := 0
				p := &pipeline.Processor{
					Store: store, Catalog: outage{until: time.Now().Add(test.down)}, Rules: noLimit(), Logger: slog.New(slog.DiscardHandler),
					MaxWait: 15 * time.Minute, Now: time.Now, OnTeamGivenUp: func() { givenUp++ },
				}
				run := func(d time.Duration) {
					ctx, cancel := context.WithTimeout(t.Context(), d)
					defer cancel()
					p.Run(ctx)
				}
				run(9 * time.Minute)
				if got := facts(t, store); got != nil {
					t.Errorf("counted before the team is known: %q", got)
				}
				run(7 * time.Minute)
				want := []string{`github_deployments_total{environment="production",repo="web",status="success",team="` + test.team + `"} 1`}
				wantFacts(t, store, "facts", want...)
				if givenUp != test.givenUp {
					t.Errorf("given up %d times, want %d", givenUp, test.givenUp)
				}
			})
		})
	}
}

// A delivery that can't be processed, here of a later version, is tried five times and then becomes a dead letter. It does not hold
// up other deliveries, and an operator can retry it.
func TestDeadLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(memoryDir(t), "dora-exporter.db")
		store := openStoreAt(t, path)
		accept(t, store, status(1, "success", 0), dora.Event{}, status(2, "success", 0))
		total := series(dora.DeploymentsTotal, "success") + "1"
		p := &pipeline.Processor{
			Store: store, Catalog: platform{}, Rules: noLimit(), Logger: slog.New(slog.DiscardHandler), Now: time.Now, OnTeamGivenUp: func() {},
		}
		run := func(d time.Duration) {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			p.Run(ctx)
			wantFacts(t, store, "facts", total, total)
		}
		is := func(pending, setAside int) {
			t.Helper()
			b, err := store.Backlog(t.Context())
			if err != nil || b.Deliveries != pending || b.SetAside != setAside {
				t.Errorf("%d pending, %d set aside, %v; want %d and %d", b.Deliveries, b.SetAside, err, pending, setAside)
			}
		}
		run(time.Second) // the others don't wait for it
		is(1, 0)
		run(time.Minute) // it has failed after 0, 1, 3, 7 and 15 seconds, or a little less
		is(0, 1)
		all, err := store.DeadLetters(t.Context())
		if err != nil || len(all) != 1 || all[0].ID != 2 || all[0].Attempts != 5 || !strings.Contains(all[0].Why, "does not know") {
			t.Errorf("set aside %+v, %v; want delivery 2 after 5 attempts and why", all, err)
		}
		if n, err := teststore.Retry(t, path); n != 1 || err != nil {
			t.Errorf("Retry = %d, %v; want 1", n, err)
		}
		is(1, 0)
		run(time.Minute)
		is(0, 1)
	})
}

// During a burst of webhooks the requests are answered first. Their events are processed at the first pause, or after half a second.
func TestBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := openStore(t)
		p := &pipeline.Processor{
			Store: store, Catalog: platform{}, Rules: noLimit(), Logger: slog.New(slog.DiscardHandler), Now: time.Now, OnTeamGivenUp: func() {},
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { p.Run(ctx); close(ended) }()
		id := 0
		burst := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
				id++
				accept(t, store, status(int64(id), "success", 0))
			}
		}
		synctest.Wait() // it has seen that there is nothing
		burst(400 * time.Millisecond)
		wantFacts(t, store, "during the burst")
		time.Sleep(50 * time.Millisecond)
		total := series(dora.DeploymentsTotal, "success") + "1"
		wantFacts(t, store, "after it", slices.Repeat([]string{total}, id)...)
		before := id
		burst(600 * time.Millisecond)
		if n := len(facts(t, store)); n <= before {
			t.Errorf("%d are counted after more than half a second without a pause", n-before)
		}
		cancel()
		<-ended
	})
}

// full is a store whose disk seems full to the processor.
type full struct {
	*teststore.Store

	is    atomic.Bool
	tries atomic.Int64
}

func (f *full) Update(ctx context.Context, change func(dora.Tx) error) error {
	if f.is.Load() {
		f.tries.Add(1)
		return dora.ErrStoreFailing
	}
	return f.Store.Update(ctx, change)
}

// After a long outage of the store, its first commit makes the processor retry, not the end of the back-off a minute later. Commits
// during the outage don't make it retry more than once a second.
func TestStoreOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &full{Store: openStore(t)}
		store.is.Store(true)
		p := &pipeline.Processor{
			Store: store, Catalog: platform{}, Rules: noLimit(), Logger: slog.New(slog.DiscardHandler), Now: time.Now, OnTeamGivenUp: func() {},
		}
		accept(t, store.Store, status(1, "success", 0))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { p.Run(ctx); close(ended) }()
		time.Sleep(10 * time.Minute)
		before := store.tries.Load()
		for id := range 200 {
			accept(t, store.Store, status(int64(id+2), "success", 0))
			time.Sleep(50 * time.Millisecond)
		}
		// Each time it also tries to postpone the delivery.
		if n := store.tries.Load() - before; n < 10 || n > 22 {
			t.Errorf("it tried %d times in ten seconds", n)
		}
		time.Sleep(5 * time.Minute)
		store.is.Store(false)
		accept(t, store.Store, status(1000, "success", 0))
		time.Sleep(2 * time.Second)
		if n := len(facts(t, store.Store)); n != 202 {
			t.Errorf("%d are counted, want 202", n)
		}
		cancel()
		<-ended
	})
}
