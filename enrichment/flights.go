package enrichment

import (
	"context"
	"sync"

	"dora-exporter/dora"
)

// flights lets several callers that ask for the same commit share one look-up. Other than with x/sync/singleflight, a
// look-up outlives the caller that started it as long as another one waits, and is given up when the last one leaves:
// it may wait for GitHub for an hour.
type flights struct {
	mu      sync.Mutex
	running map[dora.Commit]*flight
}

// flight is a look-up that is under way. origin and err are set when done is closed.
type flight struct {
	callers int
	cancel  context.CancelFunc
	done    chan struct{}
	origin  dora.Origin
	err     error
}

// do returns what lookUp says about c, or ctx's error as soon as ctx ends.
func (f *flights) do(ctx context.Context, c dora.Commit, lookUp func(context.Context, dora.Commit) (dora.Origin, error)) (dora.Origin, error) {
	if err := ctx.Err(); err != nil {
		return dora.Origin{}, err
	}
	shared := f.join(ctx, c, lookUp)
	select {
	case <-shared.done:
		return shared.origin, shared.err
	case <-ctx.Done():
		f.leave(c, shared)
		return dora.Origin{}, ctx.Err()
	}
}

func (f *flights) join(ctx context.Context, c dora.Commit, lookUp func(context.Context, dora.Commit) (dora.Origin, error)) *flight {
	f.mu.Lock()
	defer f.mu.Unlock()
	if shared := f.running[c]; shared != nil {
		shared.callers++
		return shared
	}
	if f.running == nil {
		f.running = map[dora.Commit]*flight{}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	shared := &flight{callers: 1, cancel: cancel, done: make(chan struct{})}
	f.running[c] = shared
	go func() {
		defer cancel()
		shared.origin, shared.err = lookUp(ctx, c)
		f.mu.Lock()
		f.forget(c, shared)
		f.mu.Unlock()
		close(shared.done)
	}()
	return shared
}

func (f *flights) leave(c dora.Commit, shared *flight) {
	f.mu.Lock()
	defer f.mu.Unlock()
	shared.callers--
	if shared.callers == 0 {
		f.forget(c, shared)
		shared.cancel()
	}
}

// forget makes the next caller start a look-up of its own. f.mu is held.
func (f *flights) forget(c dora.Commit, shared *flight) {
	if f.running[c] == shared {
		delete(f.running, c)
	}
}
