package persistence

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
	// probeEvery is how often the writer tries whether it can write again.
	probeEvery = 5 * time.Second
)

// ErrClosed is the answer to a write that came too late.
var ErrClosed = errors.New("the store is closed")

// errUnderWay says that the caller's context ended while its write was being made.
var errUnderWay = errors.New("the write is under way")

// writer writes, one group at a time: whoever waits and gets the turn commits all that waits as one group, so that a hundred
// deliveries cost one fsync and a single one no change of goroutines. Each of a group is undone by itself when it fails.
type writer struct {
	path    string
	logger  *slog.Logger
	ops     chan *op
	turn    chan struct{} // holds one while somebody has the turn
	changed broadcast

	// What only the one who has the turn uses or changes.
	connection *connection        // nil when it has to be opened again
	gone       error              // why nothing is written although SQLite could
	places     map[[2]string]bool // label sets that are known to have a place
	// pending is how many deliveries are pending, once maxPending is set.
	pending, maxPending atomic.Int64

	failed  atomic.Pointer[error]
	closing chan struct{}
	close   sync.Once
	stopped chan struct{}
	stopErr error // read after stopped
}

// op is one write that waits for its turn and its commit.
type op struct {
	run func(*tx) error
	// single is set when run executes one statement, which SQLite undoes as a whole: it needs no savepoint.
	single bool
	// begun is set by whoever comes first: who has the turn, or the caller who gives up.
	begun atomic.Bool
	done  chan struct{}
	// err is the outcome, to be read after done.
	err error
}

func newOp(run func(*tx) error) *op { return &op{run: run, done: make(chan struct{})} }

func newWriter(path string, logger *slog.Logger) *writer {
	return &writer{
		path: path, logger: logger, places: map[[2]string]bool{},
		ops: make(chan *op, groupSize), turn: make(chan struct{}, 1), closing: make(chan struct{}), stopped: make(chan struct{}),
	}
}

// start opens the connection.
func (w *writer) start() error {
	var err error
	w.connection, err = openConnection(w.path)
	if err == nil {
		err = w.connection.inPlace(w.path)
	}
	if err != nil {
		close(w.stopped)
		return err
	}
	go w.run()
	return nil
}

// stop answers what waits with ErrClosed, and returns when the connection is closed.
func (w *writer) stop() error {
	w.close.Do(func() { close(w.closing) })
	<-w.stopped
	return w.stopErr
}

// do has o written and returns its outcome. When ctx ends first it returns ctx's error if the writing had not begun, and
// errUnderWay if it had.
func (w *writer) do(ctx context.Context, o *op) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case w.ops <- o:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.closing:
		return ErrClosed
	}
	for {
		select {
		case <-o.done:
			return o.err
		case w.turn <- struct{}{}:
			w.lead(o)
		case <-ctx.Done():
			if o.begun.CompareAndSwap(false, true) {
				return ctx.Err()
			}
			return errUnderWay
		case <-w.stopped:
			return o.wait(w.stopped)
		}
	}
}

// lead commits a group for all that wait, unless o, which waited for the turn, is done, and passes the turn on.
func (w *writer) lead(o *op) {
	defer w.pass()
	select {
	case <-o.done:
		return
	default:
	}
	select {
	case first := <-w.ops:
		w.group(first)
	default:
	}
}

func (w *writer) pass() { <-w.turn }

// wait returns the outcome.
func (o *op) wait(stopped <-chan struct{}) error {
	select {
	case <-o.done:
		return o.err
	case <-stopped:
	}
	select {
	case <-o.done: // both were ready
		return o.err
	default:
		return ErrClosed
	}
}

func (w *writer) err() error {
	if err := w.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// run looks every few seconds whether the files are in their place and, when it could not write, whether it can again, until
// the writer is closed.
func (w *writer) run() {
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-w.closing:
			w.turn <- struct{}{} // for good
			w.stopErr = w.disconnect()
			close(w.stopped)
			return
		case <-ticker.C:
			w.turn <- struct{}{}
			w.look()
			if w.err() != nil {
				w.probe()
			}
			w.pass()
		}
	}
}

// look finds out whether what is written is still there after the process.
func (w *writer) look() {
	if w.gone = nil; w.connection == nil {
		return
	}
	if w.gone = w.connection.inPlace(w.path); w.gone != nil {
		w.note(w.gone)
	}
}

// probe tries whether it can write again. Moving the log into the database first makes room in the log, which on a full
// disk may be all the room there is.
func (w *writer) probe() {
	if w.connection != nil {
		_ = w.connection.exec("PRAGMA wal_checkpoint(PASSIVE)") // what is wrong shows in the commit
	}
	o := newOp(touch)
	o.begun.Store(true)
	w.retry(o)
}

// group commits first together with all that waits. When the group can't be written, each update is tried by itself, so
// that one that is too large for what is left on the disk does not take the deliveries down with it.
func (w *writer) group(first *op) {
	ops, err := w.commit(w.waiting(first))
	if err == nil || len(ops) == 1 || busy(err) {
		answer(ops, err)
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

func (w *writer) retry(ops ...*op) {
	_, err := w.commit(slices.Values(ops))
	answer(ops, err)
}

func answer(ops []*op, err error) {
	for _, o := range ops {
		if err != nil {
			o.err = err
		}
		close(o.done)
	}
}

// waiting yields first and what waits behind it, also what arrives meanwhile, within the bounds of a group.
func (w *writer) waiting(first *op) iter.Seq[*op] {
	return func(yield func(*op) bool) {
		began := time.Now()
		for n, o := 1, first; ; n++ {
			if o.begun.CompareAndSwap(false, true) && !yield(o) {
				return
			}
			if n == groupSize || time.Since(began) > groupTime {
				return
			}
			select {
			case o = <-w.ops:
				continue
			default:
			}
			runtime.Gosched() // whoever is about to hand something over does so now: a larger group for the same fsync
			select {
			case o = <-w.ops:
			default:
				return
			}
		}
	}
}

// commit writes ops in one transaction and returns those that it began, each with its own outcome, or the error that
// holds for all of them: then none is written.
func (w *writer) commit(ops iter.Seq[*op]) (begun []*op, err error) {
	defer func() { w.note(err) }()
	t := &tx{writer: w, logger: w.logger}
	if err = w.begin(t); err != nil {
		for o := range ops {
			begun = append(begun, o)
		}
		return begun, err
	}
	for o := range ops {
		begun = append(begun, o)
		if err = t.apply(o); err != nil {
			w.undo()
			return begun, err
		}
	}
	if err = w.connection.exec("COMMIT"); err != nil {
		w.undo()
		return begun, err
	}
	w.pending.Store(max(0, w.pending.Load()+int64(t.pending))) // another process may have made some pending again
	if !t.undone {
		for _, place := range t.places {
			w.places[place] = true
		}
	}
	if t.changed {
		w.changed.notify()
	}
	return begun, nil
}

// begin starts a transaction that holds the lock for writing, on a new connection when the old one is of no use.
func (w *writer) begin(t *tx) (err error) {
	if w.gone != nil {
		return w.gone
	}
	if w.connection == nil {
		if w.connection, err = openConnection(w.path); err != nil {
			return err
		}
	}
	t.connection = w.connection
	if err := w.connection.exec("BEGIN IMMEDIATE"); err != nil {
		if !busy(err) {
			_ = w.disconnect() // what is wrong with it was the answer
		}
		return err
	}
	return nil
}

// undo leaves no transaction behind. SQLite may have rolled it back already, which makes ROLLBACK fail; a connection that
// is still inside one is closed, and begin opens another.
func (w *writer) undo() {
	if err := w.connection.exec("ROLLBACK"); err != nil && !noTransaction(err) {
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
func (w *writer) note(err error) {
	was := w.err()
	switch {
	case err != nil && was == nil:
		w.logger.Error("can't write to the store, trying again", "database", w.path, "error", err)
	case err == nil && was != nil:
		w.logger.Info("can write to the store again", "database", w.path)
	}
	w.failed.Store(&err)
}
