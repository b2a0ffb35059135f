package pipeline

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// job is an item of a group, with its place in it.
type job struct {
	group string
	place int
	// more tells it from others of the same place.
	more string
}

func (j job) String() string { return j.group + strconv.Itoa(j.place) + j.more }

// jobQueue hands out jobs, each until it is released.
type jobQueue struct {
	mu      sync.Mutex
	left    []job
	claimed map[job]bool
}

func (q *jobQueue) Claim(_ context.Context, _ time.Time, _ time.Duration, limit int) ([]job, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	claimed := q.left[:min(limit, len(q.left))]
	q.left = q.left[len(claimed):]
	for _, j := range claimed {
		q.claimed[j] = true
	}
	return claimed, nil
}

func (q *jobQueue) Extend(context.Context, time.Time, time.Duration, ...job) error { return nil }

// releaseTime is how long a release takes.
const releaseTime = time.Second

func (q *jobQueue) Release(_ context.Context, jobs ...job) error {
	time.Sleep(releaseTime)
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, j := range jobs {
		delete(q.claimed, j)
	}
	return nil
}

func (q *jobQueue) Revision() int64 { return 0 }

func (q *jobQueue) WaitAfter(ctx context.Context, _ int64) error {
	<-ctx.Done()
	return ctx.Err()
}

// workOn works on jobs while check runs. running returns the names of the jobs that are worked on, and end ends one of them.
func workOn(t *testing.T, jobs []job, check func(running func() []string, end func(string))) {
	synctest.Test(t, func(t *testing.T) {
		queue := &jobQueue{left: jobs, claimed: map[job]bool{}}
		var mu sync.Mutex
		running := map[string]chan struct{}{}
		ctx, stop := context.WithCancel(t.Context())
		p := pool[job]{
			name: "jobs", queue: queue, changes: queue, logger: slog.New(slog.DiscardHandler), now: time.Now,
			turn: func(j job) (string, time.Time) { return j.group, time.Unix(int64(j.place), 0) },
			run: func(ctx context.Context, j job) {
				ended := make(chan struct{})
				mu.Lock()
				running[j.String()] = ended
				mu.Unlock()
				select {
				case <-ended:
				case <-ctx.Done():
				}
				mu.Lock()
				delete(running, j.String())
				mu.Unlock()
			},
		}
		var working sync.WaitGroup
		working.Go(func() { p.work(ctx) })
		check(func() []string {
			time.Sleep(lease)
			mu.Lock()
			defer mu.Unlock()
			return slices.Sorted(maps.Keys(running))
		}, func(name string) {
			mu.Lock()
			defer mu.Unlock()
			close(running[name])
		})
		stop()
		began := time.Now()
		working.Wait()
		if took := time.Since(began); took > 2*releaseTime {
			t.Errorf("the end took %s: more than one release after another", took)
		}
		if len(queue.claimed) > 0 {
			t.Errorf("not released at the end: %v", queue.claimed)
		}
	})
}

// An item begins when no earlier one of its group is being worked on, whatever the order in which they are claimed. Those of the same place
// don't wait for one another, and neither do those of other groups.
func TestItemsWaitForEarlierOnesOfTheirGroup(t *testing.T) {
	jobs := []job{{"a", 2, ""}, {"a", 1, ""}, {"b", 5, ""}, {"a", 3, ""}, {"b", 6, ""}, {"c", 9, ""}, {"c", 9, "too"}}
	workOn(t, jobs, func(running func() []string, end func(string)) {
		expect := func(want ...string) {
			t.Helper()
			if diff := cmp.Diff(want, running()); diff != "" {
				t.Errorf("running: -want +got:\n%s", diff)
			}
		}
		expect("a1", "b5", "c9", "c9too")
		end("c9")
		expect("a1", "b5", "c9too")
		end("c9too")
		end("a1")
		expect("a2", "b5")
		end("b5")
		expect("a2", "b6")
		end("a2")
		expect("a3", "b6")
	})
}

// Of a repository with many environments, only some wait: the others begin, and are postponed, which leaves places for other repositories.
func TestFewItemsWait(t *testing.T) {
	var jobs []job
	for place := range maxWaiting + 3 {
		jobs = append(jobs, job{group: "a", place: place})
	}
	workOn(t, jobs, func(running func() []string, _ func(string)) {
		if got := len(running()); got != 3 {
			t.Errorf("%d items run, want the first one and 2 above the limit of those that wait", got)
		}
	})
}

var _ dora.Queue[job] = (*jobQueue)(nil)
