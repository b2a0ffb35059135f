package sqlstore

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// groupSize and groupTime limit what is committed together, and so how long the first write of a group waits; senderTime is the limit if it
	// has a delivery, whose sender waits.
	groupSize  = 512
	groupTime  = 50 * time.Millisecond
	senderTime = 10 * time.Millisecond
	// ProbeInterval is how often the committer checks the files and retries after a failed write.
	ProbeInterval = 5 * time.Second
	// lockRetry is the time between two attempts to get a lock that another process holds.
	lockRetry = 20 * time.Millisecond
)

// writer commits the writes in its queue, one group at a time. A failed write is rolled back without the others of its group.
type writer struct {
	path    string
	engine  Engine
	codec   *codec
	reader  *Reader
	logger  *slog.Logger
	queue   *commitQueue
	changed broadcast
	recent  recentFacts

	// The following are used or changed by the committer only.
	connection Connection // nil if it must be reopened
	unusable   error      // why nothing may be written until the files are checked again, else nil
	caches     caches
	hasRemoved bool // there are removed_keys
	// hasPages is true if there are archive_pages, or may be.
	hasPages atomic.Bool
	// pending is the number of pending deliveries, once maxPending is set.
	pending, maxPending atomic.Int64

	lastErr atomic.Pointer[error]
	// busy is why the last transaction could not begin, if it is to begin again; nil if it began.
	busy atomic.Pointer[error]
	// damage is why nothing may be written any more; nil if all may.
	damage  atomic.Pointer[error]
	closing chan struct{}
	close   sync.Once
	stopped chan struct{}
	stopErr error // read after stopped
}

func newWriter(r *Reader, engine Engine, logger *slog.Logger) *writer {
	return &writer{
		path: r.path, engine: engine, codec: r.codec, reader: r, logger: logger, queue: newQueue(MaxWaiting),
		caches:  newCaches(),
		closing: make(chan struct{}), stopped: make(chan struct{}),
	}
}

// start opens the connection.
func (w *writer) start() error {
	var err error
	w.connection, err = w.engine.Connect()
	if err != nil {
		close(w.stopped)
		return err
	}
	go w.run()
	go w.watchStall()
	return nil
}

// stop completes waiting writes with ErrClosed and returns when the connection is closed.
func (w *writer) stop() error {
	w.queue.close()
	w.close.Do(func() { close(w.closing) })
	<-w.stopped
	return w.stopErr
}

// do queues o and returns its outcome, as commitQueue.do.
func (w *writer) do(ctx context.Context, o *op) error { return w.queue.do(ctx, o) }

// stopFor makes all further writes fail with an error.
func (w *writer) stopFor(damage error) { w.damage.Store(&damage) }

// err returns why writes fail; nil if they don't.
func (w *writer) err() error {
	if damage := w.damage.Load(); damage != nil {
		return *damage
	}
	if err := w.lastErr.Load(); err != nil {
		return *err
	}
	return nil
}

// run is the committer. Every few seconds it also checks and maintains the database, and retries after a failed write.
func (w *writer) run() {
	ticker := time.NewTicker(ProbeInterval)
	defer ticker.Stop()
	for {
		select {
		case <-w.closing:
			w.stopErr = w.disconnect()
			close(w.stopped)
			return
		case <-w.queue.wake:
			w.commitGroup()
			w.queue.rewake()
		case <-ticker.C:
			w.checkFiles()
			w.probe()
		}
	}
}

// checkFiles maintains the database, and finds out whether writes would be lost.
func (w *writer) checkFiles() {
	if w.unusable = nil; w.connection == nil {
		return
	}
	if w.unusable = w.connection.Check(); w.unusable == nil {
		w.unusable = w.connection.Maintain()
	}
	if w.unusable != nil {
		w.recordOutcome(w.unusable)
	}
}

// probe retries writing after a failure.
func (w *writer) probe() {
	if w.err() == nil {
		if _, stalled := w.queue.state(); stalled >= ProbeInterval {
			w.commitGroup() // the group may be empty, if all callers have given up
		}
		return
	}
	if w.connection != nil {
		w.connection.MakeRoom()
	}
	w.retry(newOp(w.engine.Probe))
}

func (w *writer) disconnect() error {
	if w.connection == nil {
		return nil
	}
	err := w.connection.Close()
	w.connection = nil
	return err
}
