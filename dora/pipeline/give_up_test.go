package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/persistence/sqlstore"
	"dora-exporter/persistence/teststore"
)

// stuckGitHub answers with an error, if there is one for the commit, until the answer is to be given up.
type stuckGitHub struct {
	nothingPartial

	t    *testing.T
	path string
	logs bytes.Buffer
	// answer returns the error of an attempt; nil for none.
	answer func(sha string) error
	// stopped is how long the server has not been running.
	stopped time.Duration
	started time.Time

	asked atomic.Int32
	mu    sync.Mutex
	// given are the commits that were given up, with the time for which the server had been running.
	given map[string]time.Duration
}

// giveUp is github.give_up in these tests.
const giveUp = 4 * time.Minute

// noGiveUp stands for the time of what is never given up.
const noGiveUp = -time.Hour

func newStuckGitHub(t *testing.T, events ...dora.Event) *stuckGitHub {
	t.Helper()
	s := &stuckGitHub{t: t, path: filepath.Join(memoryDir(t), "dora-exporter.db"), given: map[string]time.Duration{}, started: time.Now()}
	store := openStoreAt(t, s.path)
	accept(t, store, events...)
	process(t, store, platform{})
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stuckGitHub) Origin(_ context.Context, c dora.Commit) (dora.Origin, error) {
	return dora.Origin{}, s.answer(c.SHA)
}

// nothingPartial is a part of stand-ins for GitHub: without an answer that does not come, nothing of an origin can be determined.
type nothingPartial struct{}

func (nothingPartial) PartialOrigin(context.Context, dora.Commit) (dora.Origin, error) {
	return dora.Origin{Unavailable: dora.ReasonNoAnswer}, nil
}

func (s *stuckGitHub) Ship(_ context.Context, c dora.Comparison) (dora.Shipment, map[string]dora.Origin, error) {
	s.asked.Add(1)
	err := s.answer(c.Head.SHA)
	shipment := dora.Shipment{Relation: dora.Ahead, Changes: []dora.Change{{Origin: dora.Origin{FirstCommit: morning}, SHA: c.Head.SHA}}}
	var unanswered *dora.UnansweredError
	if errors.As(err, &unanswered) && c.GiveUp(unanswered) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.given[c.Head.SHA] = time.Since(s.started) - s.stopped
		shipment.Changes[0].Unavailable, shipment.Missing = dora.ReasonNoAnswer, []string{err.Error()}
		return shipment, nil, nil
	}
	return shipment, nil, err
}

// run runs look-ups and evaluations for a while on the store's clock, as after a start, and then the server is stopped for a while.
func (s *stuckGitHub) run(d, pause time.Duration) (left int) {
	s.t.Helper()
	store := teststore.Open(s.t, s.path)
	begun := time.Now()
	clock, err := sqlstore.NewClock(s.t.Context(), store.Store, sqlstore.Machine{Wall: time.Now, Elapsed: func() time.Duration { return time.Since(begun) }})
	if err != nil {
		s.t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(&s.logs, &slog.HandlerOptions{Level: slog.LevelWarn}))
	lookups := &pipeline.Lookups{Store: store, Enricher: s, Rules: noLimit(), Logger: logger, GiveUp: giveUp, Now: clock.Now}
	evaluator := &pipeline.Evaluator{Store: store, Enricher: s, Rules: noLimit(), Logger: logger, GiveUp: giveUp, Now: clock.Now}
	ctx, cancel := context.WithTimeout(s.t.Context(), d)
	defer cancel()
	var running sync.WaitGroup
	for _, part := range []func(context.Context){lookups.Run, evaluator.Run, clock.Run} {
		running.Go(func() { part(ctx) })
	}
	running.Wait()
	backlog, err := store.Backlog(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	if left, err = store.CountEvaluations(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		s.t.Fatal(err)
	}
	time.Sleep(pause)
	s.stopped += pause
	return left + backlog.LookUps
}

func (s *stuckGitHub) facts() []string {
	s.t.Helper()
	return brief(s.t, openStoreAt(s.t, s.path))
}

// memoryDir returns a folder on a file system in memory, which needs no fsync, if there is one.
func memoryDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "dora-exporter-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func unanswered() error {
	return &dora.UnansweredError{Err: errors.New("GET /compare: 500"), Call: "/compare"}
}

// What GitHub fails to answer while it answers others is given up after giveUp, for which the exporter ran; nothing else is.
func TestGiveUp(t *testing.T) {
	outage, minute := errors.New("503"), time.Minute
	for _, test := range []struct {
		name   string
		answer func(ran time.Duration) error
		// run are for how long the exporter runs, with stops of ten hours in between.
		run []time.Duration
		// given is when it gives up, noGiveUp for never; left what waits at the end: the look-up and the evaluation.
		given time.Duration
		left  int
	}{
		{"in the end", func(time.Duration) error { return unanswered() }, []time.Duration{6 * minute}, 4 * minute, 0},
		{"not before", func(time.Duration) error { return unanswered() }, []time.Duration{4*minute - 5*time.Second}, noGiveUp, 2},
		{"over stops", func(time.Duration) error { return unanswered() }, []time.Duration{90 * time.Second, 90 * time.Second, 3 * minute}, 4 * minute, 0},
		{"it answers just before", func(ran time.Duration) error {
			if ran < 3*minute {
				return unanswered()
			}
			return nil
		}, []time.Duration{6 * minute}, noGiveUp, 0},
		{"an outage", func(time.Duration) error { return outage }, []time.Duration{9 * minute}, noGiveUp, 2},
		{"an outage in between", func(ran time.Duration) error {
			// Seven attempts come before, the seventh after 98 s to 130 s: backoffs vary. The next one is after 146 s at the earliest.
			if ran > 140*time.Second && ran < 6*minute {
				return outage
			}
			return unanswered()
		}, []time.Duration{12 * minute}, 8 * minute, 0},
		{"another call fails for a minute", func(ran time.Duration) error {
			if ran > 2*minute && ran < 3*minute {
				return &dora.UnansweredError{Err: errors.New("GET /pulls: 500"), Call: "/pulls"}
			}
			return unanswered()
		}, []time.Duration{8 * minute}, 4 * minute, 0},
		{"two calls that fail after each other", func(ran time.Duration) error {
			if ran > 3*minute {
				return &dora.UnansweredError{Err: errors.New("GET /pulls: 500"), Call: "/pulls"}
			}
			return unanswered()
		}, []time.Duration{10 * minute}, 7 * minute, 0},
		{"two calls by turns", func(ran time.Duration) error {
			if ran.Truncate(time.Minute)%(2*minute) != 0 {
				return &dora.UnansweredError{Err: errors.New("GET /pulls: 500"), Call: "/pulls"}
			}
			return unanswered()
		}, []time.Duration{10 * minute}, 4 * minute, 0},
		{"the exporter is killed every half minute", func(time.Duration) error { return unanswered() }, slices.Repeat([]time.Duration{minute / 2}, 14), 4 * minute, 0},
		{"all calls of the repository have failed", func(time.Duration) error {
			return &dora.UnansweredError{Err: errors.New("paused"), Call: "/compare", For: 2 * time.Hour}
		}, []time.Duration{minute}, 0, 0},
		{"waiting for a rate limit most of the time", func(time.Duration) error {
			time.Sleep(minute)
			return &dora.UnansweredError{Err: errors.New("GET /compare: 500"), Call: "/compare", Waited: minute}
		}, []time.Duration{18 * minute}, 14 * minute, 0}, // between eleven attempts of a minute, a minute of backoffs and four of nearly a minute each
		{"a repository without access", func(time.Duration) error {
			return &dora.InaccessibleError{Err: errors.New("hidden"), RetryIn: time.Hour}
		}, []time.Duration{9 * minute}, noGiveUp, 2},
		{"calls with the credential are paused", func(time.Duration) error {
			return &dora.PausedError{Err: errors.New("rate limit"), RetryIn: time.Hour}
		}, []time.Duration{9 * minute}, noGiveUp, 2},
		{"after calls with the credential resumed", func(ran time.Duration) error {
			if ran < 6*minute {
				return &dora.PausedError{Err: errors.New("rate limit"), RetryIn: time.Hour}
			}
			return unanswered()
		}, []time.Duration{5 * minute, 7 * minute}, 10 * minute, 0},
		{"after access came", func(ran time.Duration) error {
			if ran < 6*minute {
				return &dora.InaccessibleError{Err: errors.New("hidden"), RetryIn: time.Hour}
			}
			return unanswered()
		}, []time.Duration{5 * minute, 7 * minute}, 10 * minute, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStuckGitHub(t, deployed(1, "V1", "success", 1))
				s.answer = func(string) error { return test.answer(time.Since(s.started) - s.stopped) }
				left := 0
				for _, d := range test.run {
					left = s.run(d, 10*time.Hour)
				}
				if left != test.left {
					t.Errorf("%d are left, want %d", left, test.left)
				}
				given, givenUp := s.given["V1"]
				if !givenUp {
					given = noGiveUp
				}
				if slack := 2 * time.Minute; given < test.given || given > test.given+slack || test.given == noGiveUp && givenUp {
					t.Errorf("given up after %s, want %s", given, test.given)
				}
				var unavailable []string
				for _, f := range s.facts() {
					if strings.Contains(f, "unavailable") {
						unavailable = append(unavailable, f)
					}
				}
				if givenUp && len(unavailable) != 1 || !givenUp && len(unavailable) != 0 && left != 0 {
					t.Errorf("unavailable are %q, want the lead time if it was given up", unavailable)
				}
				warnings := strings.Count(s.logs.String(), "evaluated deployment without answers that GitHub failed to give")
				if (warnings == 1) != (test.given != noGiveUp) {
					t.Errorf("%d warnings:\n%s", warnings, s.logs.String())
				}
			})
		})
	}
}

// Each scope waits for itself, and what comes after a deployment that is given up is evaluated in order.
func TestGiveUpScopes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		staging := deployed(4, "V4", "success", 4)
		staging.Status.Deployment.Environment = "staging"
		s := newStuckGitHub(t, deployed(1, "bad1", "success", 1), deployed(2, "V2", "success", 2), deployed(3, "bad3", "success", 3), staging)
		s.answer = func(sha string) error {
			if strings.HasPrefix(sha, "bad") {
				return &dora.UnansweredError{Err: fmt.Errorf("GET /compare/%s: 500", sha), Call: "/compare/" + sha}
			}
			return nil
		}
		if left := s.run(12*time.Minute, 0); left != 0 {
			t.Errorf("%d are left", left)
		}
		if n := len(s.given); n != 2 {
			t.Errorf("given up are %v, want both", s.given)
		}
		if n := s.asked.Load(); n > 40 {
			t.Errorf("%d attempts in eight minutes, want about one a minute after the first ones", n)
		}
		var warned []string
		for line := range strings.Lines(s.logs.String()) {
			for _, text := range []string{"evaluating deployment keeps failing: GitHub fails to answer a call although it answers others", "evaluated deployment without answers"} {
				if strings.Contains(line, text) {
					i := strings.Index(line, "GET /compare/")
					warned = append(warned, strings.Fields(text)[0]+" "+line[i+len("GET /compare/"):i+len("GET /compare/")+4])
				}
			}
		}
		if diff := cmp.Diff([]string{"evaluating bad1", "evaluated bad1", "evaluating bad3", "evaluated bad3"}, warned); diff != "" {
			t.Errorf("warnings (-want +got):\n%s", diff)
		}
		var changes []string
		for _, f := range s.facts() {
			if strings.HasPrefix(f, "dora_changes_total") || strings.HasPrefix(f, "changes_total") {
				changes = append(changes, f)
			}
		}
		slices.Sort(changes)
		if len(changes) != 4 {
			t.Errorf("changes are %q, want one of each deployment", changes)
		}
	})
}
