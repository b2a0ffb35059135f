package sqlite

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// groupSize and groupTime bound how much is committed together, and so how long the first one waits.
	groupSize = 512
	groupTime = 50 * time.Millisecond
	// probeEvery is how often the committer checks the files and, when it could not write, tries again.
	probeInterval = 5 * time.Second
	// lockRetry is how often the committer tries to get a lock that another process has.
	lockRetry = 20 * time.Millisecond
)

// errUnderWay says that the caller's context ended while its write was being made.
var errUnderWay = errors.New("the write is under way")

// writer commits what waits in its queue, one group at a time. Each write of a group is undone by itself when it fails.
type writer struct {
	path    string
	logger  *slog.Logger
	queue   *commitQueue
	changed broadcast

	// What only the committer uses or changes.
	connection *connection        // nil when it has to be opened again
	moved      error              // why nothing is written although SQLite could
	labelSets  map[[2]string]bool // label sets that are known to have a place
	hugeLog    bool               // the log was too long at the last look
	// pending is how many deliveries are pending, once maxPending is set.
	pending, maxPending atomic.Int64

	lastErr atomic.Pointer[error]
	closing chan struct{}
	close   sync.Once
	stopped chan struct{}
	stopErr error // read after stopped
}

func newWriter(path string, logger *slog.Logger) *writer {
	return &writer{
		path: path, logger: logger, labelSets: map[[2]string]bool{}, queue: newQueue(maxWaiting),
		closing: make(chan struct{}), stopped: make(chan struct{}),
	}
}

// start opens the connection.
func (w *writer) start() error {
	var err error
	w.connection, err = openConnection(w.path)
	if err == nil {
		err = w.connection.checkInPlace(w.path)
	}
	if err != nil {
		close(w.stopped)
		return err
	}
	go w.run()
	go w.watchStall()
	return nil
}

// stop answers what waits with ErrClosed, and returns when the connection is closed.
func (w *writer) stop() error {
	w.queue.close()
	w.close.Do(func() { close(w.closing) })
	<-w.stopped
	return w.stopErr
}

// do has o written and returns its outcome. When ctx ends first it returns ctx's error if o had not begun, and will never
// run; it returns errUnderWay if it had.
func (w *writer) do(ctx context.Context, o *op) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := w.queue.push(o); err != nil {
		return err
	}
	select {
	case <-o.done:
		return o.err
	case <-ctx.Done():
	}
	if w.queue.abandon(o) {
		return ctx.Err()
	}
	select {
	case <-o.done: // both were ready
		return o.err
	default:
		return errUnderWay
	}
}

func (w *writer) err() error {
	if err := w.lastErr.Load(); err != nil {
		return *err
	}
	return nil
}

// run is the committer. It also checks every few seconds whether the files are in their place, whether the log has become
// too long and, when it could not write, whether it can again.
func (w *writer) run() {
	ticker := time.NewTicker(probeInterval)
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
			w.trimLog()
		}
	}
}

// checkFiles finds out whether what is written is still there after the process.
func (w *writer) checkFiles() {
	if w.moved = nil; w.connection == nil {
		return
	}
	if w.moved = w.connection.checkInPlace(w.path); w.moved != nil {
		w.recordOutcome(w.moved)
	}
}

// probe tries whether it can write again if it could not. Moving the log into the database first makes room in the log,
// which on a full disk may be all the room there is.
func (w *writer) probe() {
	if w.err() == nil {
		if _, stalled := w.queue.state(); stalled >= probeInterval {
			w.commitGroup() // which may be one of nothing: all have given up
		}
		return
	}
	if w.connection != nil {
		_ = w.connection.exec("PRAGMA wal_checkpoint(PASSIVE)") // what is wrong shows in the commit
	}
	w.retry(newOp(writeProbe))
}

// commitGroup commits all that waits, if it can get the lock for writing: while another process has it, the writes go on waiting
// and may be abandoned. When the group can't be written, each update is tried by itself, so that one that is too large for
// what is left on the disk does not take the deliveries down with it.
func (w *writer) commitGroup() {
	ops, err := w.commit(w.claimGroup())
	if isBusy(err) {
		w.pause(lockRetry)
	}
	if err == nil || len(ops) <= 1 || isBusy(err) {
		completeOps(ops, err)
		return
	}
	var deliveries []*op
	for _, o := range ops {
		if o.single {
			deliveries = append(deliveries, o)
		}
	}
	if len(deliveries) > 0 {
		w.retry(deliveries...)
	}
	for _, o := range ops {
		if !o.single {
			w.retry(o)
		}
	}
}

// pause waits, but not for the stop.
func (w *writer) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.closing:
	}
}

// retry commits ops, which have been claimed. It waits a second at most for a lock that another process has.
func (w *writer) retry(ops ...*op) {
	_, err := w.commit(slices.Values(ops))
	for end := time.Now().Add(time.Second); isBusy(err) && time.Now().Before(end); _, err = w.commit(slices.Values(ops)) {
		w.pause(lockRetry)
	}
	completeOps(ops, err)
}

// claimGroup claims what waits, also what arrives meanwhile, within the bounds of a group.
func (w *writer) claimGroup() iter.Seq[*op] {
	return func(yield func(*op) bool) {
		began := time.Now()
		for n := 0; n < groupSize && (n == 0 || time.Since(began) <= groupTime); n++ {
			o := w.queue.next()
			if o == nil {
				runtime.Gosched() // whoever is about to push something does so now: a larger group for the same fsync
				o = w.queue.next()
			}
			if o == nil || !yield(o) {
				return
			}
		}
	}
}

// commit writes ops in one transaction and returns those that it began, each with its own outcome, or the error that
// holds for all of them: then none is written. It begins none while another process has the lock for writing.
func (w *writer) commit(ops iter.Seq[*op]) (begun []*op, err error) {
	t := &tx{writer: w, logger: w.logger}
	if err = w.begin(t); isBusy(err) {
		return nil, err
	}
	defer func() { w.recordOutcome(err) }()
	if err != nil {
		for o := range ops {
			begun = append(begun, o)
		}
		return begun, err
	}
	for o := range ops {
		begun = append(begun, o)
		if err = t.apply(o); err != nil {
			w.rollback()
			return begun, err
		}
	}
	if err = w.connection.exec("COMMIT"); err != nil {
		w.rollback()
		return begun, err
	}
	w.queue.committed()
	w.pending.Store(max(0, w.pending.Load()+int64(t.pendingDelta))) // another process may have made some pending again
	if !t.rolledBack {
		for _, labelSet := range t.labelSets {
			w.labelSets[labelSet] = true
		}
	}
	if t.changed {
		w.changed.notify()
	}
	return begun, nil
}

// begin starts a transaction that holds the lock for writing, on a new connection when the old one is of no use.
func (w *writer) begin(t *tx) (err error) {
	if w.moved != nil {
		return w.moved
	}
	if w.connection == nil {
		if w.connection, err = openConnection(w.path); err != nil {
			return err
		}
	}
	t.connection = w.connection
	if err := w.connection.exec("BEGIN IMMEDIATE"); err != nil {
		if !isBusy(err) {
			_ = w.disconnect() // what is wrong with it was the answer
		}
		return err
	}
	return nil
}

// rollback leaves no transaction behind. SQLite may have rolled it back already, which makes ROLLBACK fail; a connection that
// is still inside one is closed, and begin opens another.
func (w *writer) rollback() {
	if err := w.connection.exec("ROLLBACK"); err != nil && !isNoTransaction(err) {
		_ = w.disconnect()
	}
}

func (w *writer) disconnect() error {
	if w.connection == nil {
		return nil
	}
	err := w.connection.close()
	w.connection = nil
	return err
}

// note remembers whether the last commit worked, and logs each change once.
func (w *writer) recordOutcome(err error) {
	was := w.err()
	switch {
	case err != nil && was == nil:
		w.logger.Error("can't write to the store, trying again", "database", w.path, "error", err)
	case err == nil && was != nil:
		w.logger.Info("can write to the store again", "database", w.path)
	}
	w.lastErr.Store(&err)
}
