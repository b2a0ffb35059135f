package sqlstore

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"
)

// Group commit. Making a transaction durable costs one fsync, however much is in it. So writes do not commit by themselves:
// they wait in a queue, and a single goroutine, the committer, takes what is waiting, runs it in one transaction and commits
// that for all of them. While it waits for the disk, the next group gathers in the queue. A hundred deliveries that arrive
// together cost one or two fsyncs instead of a hundred.
//
// A write is in one of three states, and changes state only while the queue's mutex is held:
//
//	waiting  in the queue. Its caller may abandon it: it leaves the queue at once and never runs.
//	claimed  taken by the committer, which runs it, perhaps more than once, and will complete it. Abandoning it has no effect.
//	done     completed: done is closed, and err is its outcome.
//
// The mutex is never held during I/O or while waiting, so push, abandon and state return at once however long the disk takes.
// Abandoned writes take up no room, and no caller depends on another one: as long as something is waiting, either the committer is
// at work or wake has a token for it.

// MaxWaiting limits the deliveries that wait to be written: about a second's worth of work, and some ten megabytes.
const MaxWaiting = 4096

var (
	// ErrClosed is returned for a write after the store was closed.
	ErrClosed = errors.New("the store is closed")
	// ErrOverloaded is returned for a delivery while MaxWaiting others wait to be written.
	ErrOverloaded = errors.New("too many deliveries are waiting to be written")
	// errUnderWay reports that the caller's context ended while its write was being made.
	errUnderWay = errors.New("the write is under way")
)

// maxAhead is how many deliveries may overtake an update. A delivery takes a thousandth of the time of a large update.
const maxAhead = 256

// commitQueue holds the writes that wait for the committer: deliveries and the program's own updates, each in their order of arrival.
// Deliveries come first, since their senders wait, but no update waits for more than maxAhead of them that arrived later. Then come updates
// in turn with those in the background, of which there may be many.
type commitQueue struct {
	mu                              sync.Mutex
	deliveries, updates, background list.List // of *op
	// ahead is how many deliveries were claimed while an update was waiting.
	ahead int
	// isBackgroundsTurn is true if the last update was claimed before one in the background.
	isBackgroundsTurn bool
	// limit is how many deliveries may wait.
	limit  int
	closed bool
	// uncommitted is when the oldest write arrived that no commit has followed, or the last commit with writes waiting
	// behind it; zero when there is no such write. It stays when the callers abandon what they wait for.
	uncommitted time.Time
	// wake has a token if the committer must check the queue.
	wake chan struct{}
}

// op is one write.
type op struct {
	run func(*tx) error
	// row is the delivery to store, if the engine has an Inbox.
	row *Row
	// single is true if run executes one statement that changes something, which SQLite undoes as a whole.
	single bool
	// bounded is true for deliveries, which are refused when too many are waiting. The program's own updates are few, and always
	// accepted.
	bounded bool
	// background is true for updates that let others go first.
	background bool
	// element is the op's element in the queue, nil if it is not waiting.
	element *list.Element
	done    chan struct{}
	// err is the outcome. It may be read once done is closed.
	err error
}

func newOp(run func(*tx) error) *op { return &op{run: run, done: make(chan struct{})} }

func newQueue(limit int) *commitQueue {
	return &commitQueue{limit: limit, wake: make(chan struct{}, 1)}
}

// do queues o and returns its outcome. If ctx ends first, it returns ctx's error if o has not begun and never will, and errUnderWay
// otherwise.
func (q *commitQueue) do(ctx context.Context, o *op) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := q.push(o); err != nil {
		return err
	}
	select {
	case <-o.done:
		return o.err
	case <-ctx.Done():
	}
	if q.abandon(o) {
		return ctx.Err()
	}
	select {
	case <-o.done: // both were ready
		return o.err
	default:
		return errUnderWay
	}
}

// push appends o, unless the queue is closed or o is bounded and too many are waiting.
func (q *commitQueue) push(o *op) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return ErrClosed
	case o.bounded && q.deliveries.Len() >= q.limit:
		return ErrOverloaded
	}
	o.element = q.of(o).PushBack(o)
	if q.uncommitted.IsZero() {
		q.uncommitted = time.Now()
	}
	q.signal()
	return nil
}

// abandon removes o if it is still waiting, and reports whether it did. A removed op never runs and is not completed.
func (q *commitQueue) abandon(o *op) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.remove(o)
}

// next claims the next write; nil if none is waiting.
func (q *commitQueue) next() *op {
	q.mu.Lock()
	defer q.mu.Unlock()
	first := q.first()
	if first == nil {
		return nil
	}
	if first.bounded {
		if q.updates.Len()+q.background.Len() > 0 {
			q.ahead++
		}
	} else {
		q.ahead, q.isBackgroundsTurn = 0, !first.background
	}
	q.remove(first)
	return first
}

// first returns the write that is claimed next; nil if none is waiting.
func (q *commitQueue) first() *op {
	element := q.deliveries.Front()
	update := q.updates.Front()
	if behind := q.background.Front(); behind != nil && (update == nil || q.isBackgroundsTurn) {
		update = behind
	}
	if update != nil && (element == nil || q.ahead >= maxAhead) {
		element = update
	}
	if element == nil {
		return nil
	}
	return element.Value.(*op)
}

// of returns the list that an op waits in.
func (q *commitQueue) of(o *op) *list.List {
	switch {
	case o.bounded:
		return &q.deliveries
	case o.background:
		return &q.background
	}
	return &q.updates
}

func (q *commitQueue) remove(o *op) bool {
	if o.element == nil {
		return false
	}
	q.of(o).Remove(o.element)
	o.element = nil
	return true
}

// waiting returns the number of writes that wait.
func (q *commitQueue) waiting() int { return q.deliveries.Len() + q.updates.Len() + q.background.Len() }

// rewake makes the committer check the queue again if something is waiting. The committer calls it after each attempt to commit.
func (q *commitQueue) rewake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting() > 0 {
		q.signal()
	}
}

func (q *commitQueue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// committed notes that a transaction was committed.
func (q *commitQueue) committed() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.uncommitted = time.Time{}
	if q.waiting() > 0 {
		q.uncommitted = time.Now()
	}
}

// close completes waiting writes with ErrClosed. From now on push fails with it.
func (q *commitQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for o := q.first(); o != nil; o = q.first() {
		q.remove(o)
		completeOps([]*op{o}, ErrClosed)
	}
}

// state returns how many writes are waiting, and how long writes have waited without any commit.
func (q *commitQueue) state() (waiting int, stalled time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.uncommitted.IsZero() {
		stalled = time.Since(q.uncommitted)
	}
	return q.waiting(), stalled
}

// completeOps completes ops with err if it is not nil, else each with its own outcome.
func completeOps(ops []*op, err error) {
	for _, o := range ops {
		if err != nil {
			o.err = err
		}
		close(o.done)
	}
}
