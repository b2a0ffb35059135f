package sqlstore

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"
)

const (
	// inboxPatience is how long deliveries are retried that can't be stored, as while the database is started again. Their senders wait.
	inboxPatience = 7 * time.Second
	// inboxRetry is the time between two attempts.
	inboxRetry = 100 * time.Millisecond
	// countInterval is how often the pending deliveries of all processes are counted.
	countInterval = 5 * time.Second
)

// Inbox is implemented by an engine that stores deliveries outside of the writer's transactions, and that several processes use. The
// unique key of the deliveries decides which of them stores one.
type Inbox interface {
	// Name returns the name of this process, which is unlike that of any other.
	Name() string
	// Store stores deliveries in one transaction, but for those whose key exists or was removed; dead letters are replaced. It reports
	// for each whether it was stored. They have different keys. Storing them again is harmless.
	Store(rows []*Row) (stored []bool, err error)
	// Known reports which keys exist.
	Known(rows []*Row) ([]bool, error)
	// Pending counts the pending deliveries.
	Pending() (int64, error)
}

// Row is a row of the table deliveries.
type Row struct {
	Source string
	Key    string
	// Stem and Rest are the parts of the key.
	Stem, Rest string
	// Removed is the hash of the key in removed_keys.
	Removed  []byte
	About    string
	Event    []byte
	Received int64
	Checksum int64
	// stored is the outcome.
	stored bool
}

// inbox commits deliveries in groups.
type inbox struct {
	engine Inbox
	writer *writer // counts the pending deliveries
	logger *slog.Logger
	queue  *commitQueue
	// storing is the number of claimed deliveries whose outcome is not known yet.
	storing atomic.Int64

	lastErr atomic.Pointer[error]
	closing chan struct{}
	stopped chan struct{}
}

func newInbox(engine Inbox, w *writer, logger *slog.Logger) *inbox {
	return &inbox{engine: engine, writer: w, logger: logger, queue: newQueue(MaxWaiting), closing: make(chan struct{}), stopped: make(chan struct{})}
}

// accept stores a delivery and reports whether it was stored.
func (i *inbox) accept(ctx context.Context, row *Row) (bool, error) {
	o := newOp(nil)
	o.row, o.bounded = row, true
	if err := i.queue.do(ctx, o); errors.Is(err, errUnderWay) {
		return false, ctx.Err() // the group still uses the row
	} else if err != nil {
		return false, err
	}
	return row.stored, nil
}

// err returns why deliveries can't be stored; nil if they can.
func (i *inbox) err() error {
	if err := i.lastErr.Load(); err != nil {
		return *err
	}
	return nil
}

// run stores what waits until stop.
func (i *inbox) run() {
	defer close(i.stopped)
	ticker := time.NewTicker(countInterval)
	defer ticker.Stop()
	for {
		select {
		case <-i.closing:
			return
		case <-i.queue.wake:
			i.storeGroup()
			i.queue.rewake()
		case <-ticker.C:
			i.count()
		}
	}
}

// stop completes waiting deliveries with ErrClosed and returns when none is being stored.
func (i *inbox) stop() {
	i.queue.close()
	close(i.closing)
	<-i.stopped
}

// count counts the pending deliveries of all processes, which also shows whether the database works again.
func (i *inbox) count() {
	if i.writer.maxPending.Load() == 0 && i.err() == nil {
		return
	}
	pending, err := i.engine.Pending()
	if err == nil {
		i.writer.pending.Store(pending)
	}
	i.record(err)
}

// record records whether the last access succeeded, and logs each change once.
func (i *inbox) record(err error) {
	was := i.err()
	switch {
	case err != nil && was == nil:
		i.logger.Error("storing deliveries failed, will retry", "database", i.writer.path, "error", err)
	case err == nil && was != nil:
		i.logger.Info("storing deliveries works again", "database", i.writer.path)
	}
	i.lastErr.Store(&err)
}

// storeGroup stores all waiting deliveries, up to the limits of a group.
func (i *inbox) storeGroup() {
	var rows []*Row
	var unique, repeated []*op
	first := map[string]*op{}
	for o := range claimGroup(i.queue) {
		if first[o.row.Key] != nil {
			repeated = append(repeated, o)
			continue
		}
		first[o.row.Key] = o
		unique, rows = append(unique, o), append(rows, o.row)
	}
	if len(rows) == 0 {
		return
	}
	i.storing.Store(int64(len(unique) + len(repeated)))
	defer i.storing.Store(0)
	err := i.store(unique, rows)
	i.queue.committed()
	for _, o := range repeated { // a duplicate of one that was not stored is not stored, either
		o.err = first[o.row.Key].err
	}
	completeOps(unique, err)
	completeOps(repeated, err)
}

// store stores deliveries and sets their outcomes. It retries for a while; the error is that of all. If the database works and refuses what is
// in them, each is stored by itself, so that only those that it refuses fail.
func (i *inbox) store(ops []*op, rows []*Row) error {
	for end := time.Now().Add(inboxPatience); ; {
		err := i.storeOnce(ops, rows)
		if err != nil && !i.writer.engine.IsStorageFailure(err) {
			return i.storeEach(ops, rows, err)
		}
		i.record(err)
		if err == nil || time.Now().After(end) {
			return err
		}
		select {
		case <-i.closing:
			return err
		case <-time.After(inboxRetry):
		}
	}
}

// storeEach stores deliveries one by one that the database has refused together, and sets their outcomes. Once the database fails, the others
// fail, too.
func (i *inbox) storeEach(ops []*op, rows []*Row, refused error) error {
	if len(rows) == 1 {
		ops[0].err = refused
		return nil
	}
	for n := range rows {
		if err := i.store(ops[n:n+1], rows[n:n+1]); err != nil {
			for _, o := range ops[n:] {
				o.err = err
			}
			return nil
		}
	}
	return nil
}

func (i *inbox) storeOnce(ops []*op, rows []*Row) error {
	if limit := i.writer.maxPending.Load(); limit > 0 {
		room := max(0, int(limit-i.writer.pending.Load()))
		if room < len(rows) {
			return i.storeWithin(room, ops, rows)
		}
	}
	return i.storeAll(rows)
}

func (i *inbox) storeAll(rows []*Row) error {
	if len(rows) == 0 {
		return nil
	}
	stored, err := i.engine.Store(rows)
	if err != nil {
		return err
	}
	n := 0
	for at, row := range rows {
		row.stored = stored[at]
		if row.stored {
			n++
		}
	}
	if n > 0 {
		i.writer.addPending(n)
		i.writer.changed.notify()
	}
	return nil
}

// storeWithin stores only as many new deliveries as there is room for. The others fail with ErrBacklog, but for duplicates.
func (i *inbox) storeWithin(room int, ops []*op, rows []*Row) error {
	known, err := i.engine.Known(rows)
	if err != nil {
		return err
	}
	var fitting []*Row
	for at, row := range rows {
		switch {
		case known[at]:
			row.stored = false
		case len(fitting) < room:
			fitting = append(fitting, row)
		default:
			ops[at].err = ErrBacklog
		}
	}
	return i.storeAll(fitting)
}
