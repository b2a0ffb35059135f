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
	// longestStale is how old an answer may be beyond the time that it is kept, while the next is worked out.
	longestStale = time.Minute
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
// one that is not much older.
type kept[T any] struct {
	turn turn
	// atLeast is how long it is kept.
	atLeast time.Duration
	work    func(context.Context) (T, error)

	mu    sync.Mutex
	until time.Time
	value T
	err   error
}

func keep[T any](atLeast time.Duration, work func(context.Context) (T, error)) *kept[T] {
	return &kept[T]{turn: newTurn(), atLeast: atLeast, work: work}
}

// get returns the answer. With an error it is the last good one, if there was one.
func (k *kept[T]) get(ctx context.Context) (T, error) {
	value, overdue, err := k.last()
	if overdue < 0 {
		return value, err
	}
	select {
	case k.turn <- struct{}{}:
	default:
		if overdue < longestStale {
			return value, err
		}
		if err := k.turn.wait(ctx); err != nil {
			return value, err
		}
	}
	defer k.turn.done()
	if value, overdue, err = k.last(); overdue < 0 {
		return value, err
	}
	return k.ask(ctx)
}

// last is the answer that there is, and for how long it should have been replaced; that is negative while it is kept.
func (k *kept[T]) last() (value T, overdue time.Duration, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.value, time.Since(k.until), k.err
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
	k.until, k.err = time.Now().Add(max(k.atLeast, restTimes*took)), err
	if err == nil {
		k.value = value
	}
	return k.value, k.err
}
