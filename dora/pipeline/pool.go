package pipeline

import (
	"context"
	"log/slog"
	"time"

	"dora-exporter/dora"
)

const (
	// poolSize is how many items of a queue are worked on at the same time. What is stored at the same time shares a commit and the pages that
	// it writes: with 64 instead of 8, an evaluation takes little more than half of the CPU. The enricher limits the calls.
	poolSize = 64
	// lease is how long work is claimed for, and so how long it waits at most if its process is killed. It is extended while the work goes
	// on, so that a lapsed lease means that the process is gone or hangs.
	lease = 15 * time.Second
	// maxWaiting is how many items wait for earlier ones of their group at most: they take places.
	maxWaiting = poolSize / 4
)

// pool works on the items of a queue that are due, several at a time.
type pool[T any] struct {
	// name is the plural name of the items in log lines.
	name    string
	queue   dora.Queue[T]
	changes dora.Revisions
	logger  *slog.Logger
	// now is the clock of the store.
	now func() time.Time
	// run works on one item. An item that it neither ends nor postpones is claimed again at once.
	run func(context.Context, T)
	// turn returns the group of an item and its place in it: if an earlier one is being worked on, run would only postpone the item. An item
	// without a group waits for none. nil if no item has a group.
	turn func(T) (group string, at time.Time)
}

// work works on items until ctx ends. It returns when no item is worked on any more.
func (p pool[T]) work(ctx context.Context) {
	var reading Health
	running := map[int]T{}
	var waiting []int // those of running that have not begun
	done := make(chan int)
	next := 0
	extended := p.now()
	for ctx.Err() == nil {
		revision := p.changes.Revision()
		free := poolSize - len(running)
		if free < poolSize/4 { // a claim reads what is due anew, whether it is for one item or for many
			free = 0
		}
		for _, item := range p.claim(ctx, free, &reading) {
			next++
			running[next] = item
			waiting = append(waiting, next)
		}
		waiting = p.begin(ctx, running, waiting, done)
		if now := p.now(); now.Sub(extended) > lease/3 {
			extended = now
			p.extend(ctx, running)
		}
		p.wait(ctx, revision, free == 0, func(id int) { delete(running, id) }, done)
	}
	if len(waiting) > 0 {
		left := make([]T, 0, len(waiting))
		for _, id := range waiting {
			left = append(left, running[id])
			delete(running, id)
		}
		p.release(ctx, left...)
	}
	for range running {
		<-done
	}
}

// begin begins to work on the items that wait, by their numbers, and returns those that still wait.
func (p pool[T]) begin(ctx context.Context, all map[int]T, waiting []int, done chan<- int) (left []int) {
	first := map[string]time.Time{}
	if p.turn != nil && len(waiting) > 0 {
		for _, item := range all {
			if group, at := p.turn(item); first[group].IsZero() || at.Before(first[group]) {
				first[group] = at
			}
		}
	}
	for _, id := range waiting {
		item := all[id]
		if p.turn != nil && len(left) < maxWaiting {
			if group, at := p.turn(item); group != "" && first[group].Before(at) {
				left = append(left, id)
				continue
			}
		}
		go func() {
			p.run(dora.InBackground(ctx), item)
			p.release(ctx, item)
			done <- id
		}()
	}
	return left
}

// wait returns when an item is done, when an item may have become due, and after a while.
func (p pool[T]) wait(ctx context.Context, revision int64, full bool, ended func(int), done <-chan int) {
	changed, stop := changedAfter(ctx, p.changes, revision)
	defer stop()
	if full {
		changed = nil
	}
	timer := time.NewTimer(idleTime / 2)
	defer timer.Stop()
	select {
	case id := <-done:
		ended(id)
		endedTogether(ended, done)
		return
	case <-changed:
	case <-timer.C:
		return
	case <-ctx.Done():
		return
	}
	timer.Reset(gatherTime)
	select {
	case id := <-done:
		ended(id)
	case <-timer.C:
	case <-ctx.Done():
	}
}

// refillTime is how long to wait for more items that are done after one, before others are claimed in their places: what is stored in one
// commit is done at the same time.
const refillTime = time.Millisecond

// endedTogether calls ended for the items that are done within refillTime.
func endedTogether(ended func(int), done <-chan int) {
	for end := time.After(refillTime); ; {
		select {
		case id := <-done:
			ended(id)
		case <-end:
			return
		}
	}
}

func (p pool[T]) claim(ctx context.Context, limit int, reading *Health) []T {
	if limit == 0 {
		return nil
	}
	due, err := p.queue.Claim(ctx, p.now(), lease, limit)
	if ctx.Err() == nil {
		reading.Set(p.logger, "reading "+p.name, err)
	}
	if err != nil {
		Sleep(ctx, dora.Backoff(1))
	}
	return due
}

func (p pool[T]) extend(ctx context.Context, running map[int]T) {
	items := make([]T, 0, len(running))
	for _, item := range running {
		items = append(items, item)
	}
	if err := p.queue.Extend(ctx, p.now(), lease, items...); err != nil && ctx.Err() == nil {
		p.logger.Warn("extending the leases of "+p.name+" failed; another process may repeat the work", "error", err)
	}
}

func (p pool[T]) release(ctx context.Context, items ...T) {
	if err := p.queue.Release(context.WithoutCancel(ctx), items...); err != nil {
		p.logger.Warn("releasing leases of "+p.name+" failed; they lapse", "error", err)
	}
}
