package pipeline_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/persistence/sqlstore"
	"dora-exporter/persistence/teststore"
)

const day = 24 * time.Hour

// waitServer is the part of the program that waits, with a wall clock that can be set. It can be restarted.
type waitServer struct {
	nothingPartial

	t     *testing.T
	path  string
	step  atomic.Int64 // by which the wall clock is wrong, in nanoseconds
	wait  waitCase
	store *teststore.Store
	clock *sqlstore.Clock
	ticks context.CancelFunc
	// stopped is how long the server has not been running, began when the test began.
	stopped time.Duration
	began   time.Time

	mu sync.Mutex
	// noted are when what is waited for happened, in time that the server has been running.
	noted []time.Duration
}

func (s *waitServer) start() {
	s.t.Helper()
	s.store = teststore.Open(s.t, s.path)
	began := time.Now()
	var err error
	s.clock, err = sqlstore.NewClock(s.t.Context(), s.store.Store, sqlstore.Machine{
		Wall:    func() time.Time { return time.Now().Add(time.Duration(s.step.Load())) },
		Elapsed: func() time.Duration { return time.Since(began) },
	})
	if err != nil {
		s.t.Fatal(err)
	}
	var ctx context.Context
	ctx, s.ticks = context.WithCancel(s.t.Context())
	go s.clock.Run(ctx)
}

// stop ends the server, for a while. A kill keeps it from saving its clock.
func (s *waitServer) stop(kill bool, pause time.Duration) {
	s.t.Helper()
	if !kill {
		s.ticks()
		synctest.Wait()
	}
	if err := s.store.Close(); err != nil {
		s.t.Fatal(err)
	}
	s.ticks()
	time.Sleep(pause)
	s.stopped += pause
}

func (s *waitServer) served() time.Duration { return time.Since(s.began) - s.stopped }

func (s *waitServer) note() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noted = append(s.noted, s.served())
}

func (s *waitServer) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.noted)
}

// run runs the pipeline until enough has happened or the limit has passed.
func (s *waitServer) run(enough int, limit time.Duration) {
	s.t.Helper()
	rules := noLimit()
	rules.Policy.Settle = s.wait.settle
	logger := slog.New(noting{slog.DiscardHandler, s})
	p := &pipeline.Processor{
		Store: s.store, Catalog: s, Rules: rules, Logger: logger, MaxWait: 15 * time.Minute, Now: s.clock.Now, OnTeamGivenUp: func() {
			if s.wait.what == teamGivenUp {
				s.note()
			}
		},
	}
	jobs := &pipeline.Lookups{Store: s.store, Enricher: s, Rules: rules, Logger: logger, Now: s.clock.Now}
	evaluator := &pipeline.Evaluator{Store: s.store, Enricher: s, Rules: rules, Logger: logger, Now: s.clock.Now}
	ctx, cancel := context.WithCancel(s.t.Context())
	var running sync.WaitGroup
	for _, part := range []func(context.Context){p.Run, jobs.Run, evaluator.Run} {
		running.Go(func() { part(ctx) })
	}
	for end := time.Now().Add(limit); time.Now().Before(end) && s.count() < enough; {
		time.Sleep(50 * time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond) // what has just happened is stored
	cancel()
	running.Wait()
}

// What a wait ends with.
const (
	teamGivenUp    = "team given up"
	askedOrigin    = "look-up"
	askedShipment  = "evaluation"
	failedDelivery = "failure"
)

func (s *waitServer) RepositoryTeam(context.Context, string, string, string) (string, error) {
	if s.wait.what != teamGivenUp {
		return "Platform", nil
	}
	if s.count() == 0 {
		s.note() // the wait begins
	}
	return "", errors.New("down")
}

func (s *waitServer) ProjectTeam(context.Context, string) (string, error) { return "Platform", nil }

func (s *waitServer) Origin(context.Context, dora.Commit) (dora.Origin, error) {
	if s.wait.what == askedOrigin {
		s.note()
	}
	return dora.Origin{FirstCommit: morning}, s.wait.err
}

func (s *waitServer) Ship(context.Context, dora.Comparison) (dora.Shipment, map[string]dora.Origin, error) {
	if s.wait.what == askedShipment {
		s.note()
	}
	return dora.Shipment{Relation: dora.First}, nil, s.wait.err
}

// noting records the log lines about deliveries that can't be processed.
type noting struct {
	slog.Handler
	s *waitServer
}

func (n noting) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

func (n noting) Handle(_ context.Context, r slog.Record) error {
	if n.s.wait.what == failedDelivery {
		n.s.note()
	}
	return nil
}

type waitCase struct {
	name   string
	what   string
	event  dora.Event
	err    error
	settle time.Duration
	// after are the waits: the first from the event, or from the first time that something happened, the others from each
	// other. Backoffs are up to a fifth shorter.
	after   []time.Duration
	fromOne bool
	backoff bool
}

// Every wait takes as long as documented, whatever happens to the wall clock, and a restart does not shorten it.
func TestWaitsIgnoreTheWallClock(t *testing.T) {
	missing := &dora.NotFoundError{Reason: dora.ReasonNotFound, Err: errors.New("404")}
	second, minute := time.Second, time.Minute
	waits := []waitCase{
		{name: "deployments.settle", what: askedShipment, event: status(1, "success", 0), settle: 10 * minute, after: []time.Duration{10 * minute}},
		{name: "look-up not found", what: askedOrigin, event: status(1, "success", 0), err: missing, fromOne: true, after: []time.Duration{minute, 10 * minute, time.Hour}},
		{name: "catalog.max_wait", what: teamGivenUp, event: status(1, "success", 0), fromOne: true, after: []time.Duration{15 * minute}},
		{name: "evaluation not found", what: askedShipment, event: status(1, "success", 0), err: missing, fromOne: true, after: []time.Duration{minute, 10 * minute, time.Hour}},
		{
			name: "look-up failed", what: askedOrigin, event: status(1, "success", 0), err: errors.New("502"), fromOne: true, backoff: true,
			after: []time.Duration{second, 2 * second, 4 * second, 8 * second},
		},
		{
			name: "evaluation failed", what: askedShipment, event: status(1, "success", 0), err: errors.New("502"), fromOne: true, backoff: true,
			after: []time.Duration{second, 2 * second, 4 * second, 8 * second},
		},
		{name: "delivery failed", what: failedDelivery, fromOne: true, backoff: true, after: []time.Duration{second, 2 * second, 4 * second, 8 * second}},
	}
	// What happens in the middle of each wait. slack is how much longer it may take.
	disturbances := []struct {
		name  string
		do    func(*waitServer)
		slack time.Duration
	}{
		{"nothing", func(*waitServer) {}, 0},
		{"the clock is set back", func(s *waitServer) { s.step.Add(-int64(day)) }, 0},
		{"the clock is set forward", func(s *waitServer) { s.step.Add(int64(day)) }, 0},
		{"the clock is set forward, and back while stopped", func(s *waitServer) {
			s.step.Add(int64(day))
			s.run(s.count()+1, second)
			s.stop(false, 0)
			s.step.Add(-int64(day))
			s.start()
		}, 0},
		{"restart", func(s *waitServer) { s.stop(false, 0); s.start() }, 0},
		{"restart after a week", func(s *waitServer) { s.stop(false, 7*day); s.start() }, 0},
		{"restart with an earlier clock", func(s *waitServer) { s.step.Add(-int64(day)); s.stop(false, 0); s.start() }, 0},
		{"kill and restart with an earlier clock", func(s *waitServer) { s.stop(true, minute); s.step.Add(-int64(day)); s.start() }, 5 * second},
		{"kill and restart with a later clock", func(s *waitServer) { s.stop(true, minute); s.step.Add(int64(day)); s.start() }, 5 * second},
	}
	for i, wait := range waits {
		for j, disturbance := range disturbances {
			if i > 0 && j%4 != i%4 {
				continue // all of them for the first wait, some for the others
			}
			t.Run(wait.name+"/"+disturbance.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := &waitServer{t: t, path: filepath.Join(memoryDir(t), "dora-exporter.db"), wait: wait, began: time.Now()}
					s.start()
					defer func() { s.stop(false, 0) }()
					accept(t, s.store, wait.event)
					from := s.served()
					if wait.fromOne {
						s.run(1, 10*second)
						if s.count() != 1 {
							t.Fatal("nothing happened")
						}
						from = s.noted[0]
					} else {
						s.run(1, second/2)
					}
					for _, after := range wait.after {
						n := s.count()
						least := after
						if wait.backoff {
							least = max(second, after*4/5)
						}
						if half := from + after/2 - s.served(); half > 0 {
							time.Sleep(half)
						}
						disturbance.do(s)
						s.run(n+1, second)
						if early := from + least - s.served() - 5*second; early > 0 {
							time.Sleep(early)
						}
						s.run(n+1, after+disturbance.slack+10*second)
						if s.count() != n+1 {
							t.Fatalf("%d times after a wait of %s, want %d", s.count(), after, n+1)
						}
						took := s.noted[n] - from
						if most := after + disturbance.slack + 2500*time.Millisecond; took < least || took > most {
							t.Errorf("waited %s, want %s to %s", took, least, most)
						}
						from = s.noted[n]
					}
				})
			})
		}
	}
}
