package page

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// readTimeout bounds what a page reads from the store.
	readTimeout = 10 * time.Second
	// idleFactor is how many times as long as reading took a value is cached at least, so that the pages take a small part of
	// one processor however often they are requested.
	idleFactor = 20
	// maxStale is how much longer a value may be returned while the next one is read.
	maxStale = time.Minute
)

// slot can be held by one at a time.
type slot chan struct{}

func newSlot() slot { return make(slot, 1) }

// acquire waits for the slot. If it returns nil, the caller must call release.
func (s slot) acquire(ctx context.Context) error {
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s slot) release() { <-s }

// cache caches a value. One caller at a time reads the next value; the others don't wait for it while the last one is not too
// old.
type cache[T any] struct {
	reading slot
	// lifetime is how long a value is cached at least.
	lifetime time.Duration
	read     func(context.Context) (T, error)

	mu      sync.Mutex
	expires time.Time
	value   T
	err     error
}

func newCache[T any](lifetime time.Duration, read func(context.Context) (T, error)) *cache[T] {
	return &cache[T]{reading: newSlot(), lifetime: lifetime, read: read}
}

// get returns the value. With an error it is the last one that was read, if there is one.
func (c *cache[T]) get(ctx context.Context) (T, error) {
	value, expired, err := c.cached()
	if expired < 0 {
		return value, err
	}
	select {
	case c.reading <- struct{}{}:
	default:
		if expired < maxStale {
			return value, err
		}
		if err := c.reading.acquire(ctx); err != nil {
			return value, err
		}
	}
	defer c.reading.release()
	if value, expired, err = c.cached(); expired < 0 {
		return value, err
	}
	return c.refresh(ctx)
}

// cached returns the cached value, and for how long it has been expired; negative if it has not.
func (c *cache[T]) cached() (value T, expired time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.value, time.Since(c.expires), c.err
}

// refresh reads the next value. It continues when the caller leaves, so that callers who leave early don't cause more reads.
func (c *cache[T]) refresh(ctx context.Context) (T, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
	defer cancel()
	began := time.Now()
	value, err := c.read(ctx)
	took := time.Since(began)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = errors.New("reading took too long")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expires, c.err = time.Now().Add(max(c.lifetime, idleFactor*took)), err
	if err == nil {
		c.value = value
	}
	return c.value, c.err
}
