package pipeline

import (
	"context"
	"sync"
)

// recordedPosition is the position of the newest recorded fact, for callers that wait until it reaches another one. Its zero value is ready
// for use.
type recordedPosition struct {
	mu       sync.Mutex
	position int64
	// advanced is closed when the position changes, wanted when somebody begins to wait. Both are nil while nobody needs them.
	advanced, wanted chan struct{}
}

// set sets the position.
func (r *recordedPosition) set(position int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.position = position
	if r.advanced != nil {
		close(r.advanced)
		r.advanced = nil
	}
}

// get returns the position.
func (r *recordedPosition) get() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.position
}

// wait returns nil when the position has reached another one, and the error of ctx if that ends first.
func (r *recordedPosition) wait(ctx context.Context, position int64) error {
	for {
		reached, advanced := r.request(position)
		if reached {
			return nil
		}
		select {
		case <-advanced:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// request reports whether a position is reached. If not, it says so to whoever has called whenWanted, and returns a channel to wait for.
func (r *recordedPosition) request(position int64) (reached bool, advanced <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.position >= position {
		return true, nil
	}
	if r.wanted != nil {
		close(r.wanted)
		r.wanted = nil
	}
	if r.advanced == nil {
		r.advanced = make(chan struct{})
	}
	return false, r.advanced
}

// whenWanted returns a channel that is closed when somebody waits for a later position, from now on.
func (r *recordedPosition) whenWanted() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.wanted == nil {
		r.wanted = make(chan struct{})
	}
	return r.wanted
}
