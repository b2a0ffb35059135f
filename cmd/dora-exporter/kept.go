package main

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// longestReading bounds what a page reads from the store.
	longestReading = 10 * time.Second
	// restTimes is how many times as long as a reading took its answer is kept at least, so that the pages take a small part of
	// one processor however often they are asked for.
	restTimes = 20
)

// turn lets in one at a time.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

// wait is nil when it is the caller's turn, which ends with done.
func (t turn) wait(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t turn) done() { <-t }

// kept is an answer that is kept for a while. One caller at a time works it out, whom the others don't wait for when there is
// an older one.
type kept[T any] struct {
	turn turn
	// atLeast is how long it is kept.
	atLeast time.Duration
	work    func(context.Context) (T, error)

	mu    sync.Mutex
	known bool
	until time.Time
	value T
	err   error
}

func keep[T any](atLeast time.Duration, work func(context.Context) (T, error)) *kept[T] {
	return &kept[T]{turn: newTurn(), atLeast: atLeast, work: work}
}

// get returns the answer. With an error it is the last good one, if there was one.
func (k *kept[T]) get(ctx context.Context) (T, error) {
	value, err, known, fresh := k.last()
	if fresh {
		return value, err
	}
	select {
	case k.turn <- struct{}{}:
	default:
		if known {
			return value, err
		}
		if err := k.turn.wait(ctx); err != nil {
			return value, err
		}
	}
	defer k.turn.done()
	if value, err, _, fresh = k.last(); fresh {
		return value, err
	}
	return k.ask(ctx)
}

func (k *kept[T]) last() (value T, err error, known, fresh bool) { //nolint:revive,staticcheck // the two before are the answer
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.value, k.err, k.known, time.Now().Before(k.until)
}

// ask works the answer out. It goes on when the caller leaves: who asks and leaves again and again gets it worked out once.
func (k *kept[T]) ask(ctx context.Context) (T, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), longestReading)
	defer cancel()
	began := time.Now()
	value, err := k.work(ctx)
	took := time.Since(began)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = errors.New("it took too long")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.until, k.err, k.known = time.Now().Add(max(k.atLeast, restTimes*took)), err, true
	if err == nil {
		k.value = value
	}
	return k.value, k.err
}
