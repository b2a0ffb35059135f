package receivers

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// unverifiedBytes limits the memory of all bodies whose signatures are not checked yet.
	unverifiedBytes = 64 << 20
	// maxMemoryWait limits how long a body waits for memory in total, before its sender gets 503.
	maxMemoryWait = 4 * time.Second
	// reclaimAfter is how long a body may be read while others wait for memory.
	reclaimAfter = 2 * time.Second
)

var (
	errBudget    = errors.New("too many bodies are being received")
	errReclaimed = errors.New("the body did not come in time while others were waiting")
)

// budget limits the memory of bodies that are being read, in bytes. Memory is taken as bytes arrive and not by the Content-Length.
// Claims for more are served in order. While a claim waits, the body that has been read longest loses its memory after reclaimAfter
// (it is reclaimed, and its sender gets 503). So slow senders can't hold the budget for longer, and if all holders wait for more, the
// oldest is reclaimed. Use newBudget.
type budget struct {
	limit int

	mu   sync.Mutex
	used int
	// waiting holds *claim in order of arrival, holders *memoryShare in order of their start.
	waiting, holders *list.List
	timer            *time.Timer
}

func newBudget(limit int) *budget {
	return &budget{limit: limit, waiting: list.New(), holders: list.New()}
}

// memoryShare is the part of a budget that one body holds. It is not safe for concurrent use.
type memoryShare struct {
	budget *budget
	// held is in bytes; waited is how long its claims have waited in total.
	held   int
	waited time.Duration
	// started is when it got its first bytes; element is its element in holders, nil if it is not a holder.
	started time.Time
	element *list.Element
	// reclaimed is closed when its memory is reclaimed; onReclaim is called then.
	reclaimed chan struct{}
	onReclaim func()
}

// claim is a request of a share for n more bytes.
type claim struct {
	share *memoryShare
	n     int
	ready chan struct{}
}

// share returns an empty share. onReclaim is called when its memory is reclaimed, possibly from another goroutine. It must end a
// pending read of the body and not block.
func (b *budget) share(onReclaim func()) *memoryShare {
	return &memoryShare{budget: b, reclaimed: make(chan struct{}), onReclaim: onReclaim}
}

// grow takes n more bytes. It fails if the share is reclaimed, has waited for maxMemoryWait in total, or ctx ends.
func (s *memoryShare) grow(ctx context.Context, n int) error {
	b := s.budget
	b.mu.Lock()
	if s.isReclaimed() {
		b.mu.Unlock()
		return errReclaimed
	}
	if b.waiting.Len() == 0 && b.used+n <= b.limit {
		b.grant(s, n)
		b.mu.Unlock()
		return nil
	}
	c := &claim{s, n, make(chan struct{})}
	element := b.waiting.PushBack(c)
	b.reclaim()
	b.mu.Unlock()

	began := time.Now()
	timer := time.NewTimer(maxMemoryWait - s.waited)
	defer timer.Stop()
	err := errBudget
	select {
	case <-c.ready:
		s.waited += time.Since(began)
		return nil
	case <-s.reclaimed:
		err = errReclaimed
	case <-timer.C:
	case <-ctx.Done():
		err = ctx.Err()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-c.ready: // granted meanwhile; release returns it
	default:
		b.waiting.Remove(element)
		b.serve() // the claims behind it may be smaller
	}
	return err
}

// exempt exempts the share from being reclaimed: its body is complete and verified.
func (s *memoryShare) exempt() {
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	b.removeHolder(s)
	b.reclaim()
}

// release returns all memory. Further calls have no effect.
func (s *memoryShare) release() {
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= s.held
	s.held = 0
	b.removeHolder(s)
	b.serve()
}

func (s *memoryShare) isReclaimed() bool {
	select {
	case <-s.reclaimed:
		return true
	default:
		return false
	}
}

// The following methods are called with the lock held.

func (b *budget) grant(s *memoryShare, n int) {
	b.used += n
	s.held += n
	if s.started.IsZero() {
		s.started = time.Now()
		s.element = b.holders.PushBack(s)
	}
}

func (b *budget) removeHolder(s *memoryShare) {
	if s.element != nil {
		b.holders.Remove(s.element)
		s.element = nil
	}
}

// serve grants waiting claims in order, as long as they fit.
func (b *budget) serve() {
	for front := b.waiting.Front(); front != nil; front = b.waiting.Front() {
		c := front.Value.(*claim)
		if b.used+c.n > b.limit {
			break
		}
		b.waiting.Remove(front)
		b.grant(c.share, c.n)
		close(c.ready)
	}
	b.reclaim()
}

// reclaim reclaims the memory of the oldest holders until the first claim fits. If the oldest has not had reclaimAfter yet, it is
// called again then.
func (b *budget) reclaim() {
	front := b.waiting.Front()
	if front == nil {
		return
	}
	free := b.limit - b.used
	for e := b.holders.Front(); e != nil && free < front.Value.(*claim).n; e = e.Next() {
		s := e.Value.(*memoryShare)
		if s.isReclaimed() { // it is about to release
			free += s.held
			continue
		}
		if left := reclaimAfter - time.Since(s.started); left > 0 {
			b.reclaimLater(left)
			return
		}
		close(s.reclaimed)
		s.onReclaim()
		free += s.held
	}
}

// reclaimLater calls reclaim after a time.
func (b *budget) reclaimLater(after time.Duration) {
	if b.timer == nil {
		b.timer = time.AfterFunc(after, func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.reclaim()
		})
		return
	}
	b.timer.Reset(after)
}
