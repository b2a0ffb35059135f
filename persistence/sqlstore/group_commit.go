package sqlstore

import (
	"errors"
	"iter"
	"runtime"
	"slices"
	"time"
)

// commitGroup commits all waiting writes if it can get the lock for writing. While another process holds the lock, they keep waiting
// and may be abandoned. If the group can't be written, the deliveries are retried together and each update by itself, so that an update
// that fails, or is too large for a nearly full disk, does not make the others fail. So is a single update if its session was ended.
func (w *writer) commitGroup() {
	ops, err := w.commit(claimGroup(w.queue))
	if w.engine.IsBusy(err) {
		w.pause(lockRetry)
	}
	if err == nil || len(ops) == 0 || len(ops) == 1 && !w.engine.IsBusy(err) {
		completeOps(ops, outcome(err))
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

// pause waits for d, or until the writer is closed.
func (w *writer) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.closing:
	}
}

// retry commits claimed ops. It waits for at most a second for a lock that another process holds.
func (w *writer) retry(ops ...*op) {
	_, err := w.commit(slices.Values(ops))
	for end := time.Now().Add(time.Second); w.engine.IsBusy(err) && time.Now().Before(end); _, err = w.commit(slices.Values(ops)) {
		w.pause(lockRetry)
	}
	completeOps(ops, outcome(err))
}

// outcome returns the outcome of all ops of a transaction that failed; nil if each has its own.
func outcome(err error) error {
	if errors.Is(err, errUndone) {
		return nil
	}
	return err
}

// claimGroup claims waiting writes, including those that arrive meanwhile, up to the limits of a group.
func claimGroup(q *commitQueue) iter.Seq[*op] {
	return func(yield func(*op) bool) {
		began, limit := time.Now(), groupTime
		for n := 0; n < groupSize && (n == 0 || time.Since(began) <= limit); n++ {
			o := q.next()
			if o == nil {
				runtime.Gosched() // goroutines that are about to push do so now: a larger group for the same fsync
				o = q.next()
			}
			if o != nil && o.bounded {
				limit = senderTime
			}
			if o == nil || !yield(o) {
				return
			}
		}
	}
}

// commit runs ops in one transaction and returns those that it began, each with its own outcome. If it returns an error, that is the
// outcome of all of them, and none is written. It begins none while another process holds the lock for writing.
func (w *writer) commit(ops iter.Seq[*op]) (begun []*op, err error) {
	t := &tx{writer: w, logger: w.logger, caches: w.caches}
	t.rollbackCaches()
	if err = w.begin(t); w.engine.IsBusy(err) {
		w.busy.Store(&err)
		return nil, err
	}
	w.busy.Store(nil)
	defer func() {
		if !errors.Is(err, errUndone) {
			w.recordOutcome(err)
		}
	}()
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
	if err = t.commit(); err != nil {
		w.recent.forget()
		w.rollback()
		if errors.Is(err, ErrSent) && !w.engine.IsStorageFailure(err) { // an op's fault; each is tried by itself
			begun[len(begun)-1].err = err
			err = errUndone
		}
		return begun, err
	}
	w.queue.committed()
	w.addPending(t.pendingDelta)
	t.commitCaches()
	if t.factsChanged {
		w.recent.forget()
	} else {
		w.recent.add(t.facts, t.begun)
	}
	if t.changed {
		w.changed.notify()
	}
	return begun, nil
}

// begin starts a transaction that holds the lock for writing. It reopens the connection if it was closed.
func (w *writer) begin(t *tx) (err error) {
	if damage := w.damage.Load(); damage != nil {
		return *damage
	}
	if w.unusable != nil {
		return w.unusable
	}
	if w.connection == nil {
		if w.connection, err = w.engine.Connect(); err != nil {
			w.connection = nil // not a nil pointer
			return err
		}
		w.caches.clear() // another connection may be to a database that has lost transactions
	}
	t.connection = w.connection
	removed, others, err := w.connection.Begin()
	w.hasRemoved = w.hasRemoved || removed
	if others {
		w.caches.clearChanging()
	}
	if err != nil {
		if !w.engine.IsBusy(err) || w.connection.Broken() {
			_ = w.disconnect() // the error of BEGIN is returned
		}
		return err
	}
	return nil
}

// rollback ends the transaction. If that fails, the connection is closed, and begin opens another.
func (w *writer) rollback() {
	if err := w.connection.Rollback(); err != nil {
		_ = w.disconnect()
	}
}

// recordOutcome records whether the last commit succeeded, and logs each change once.
func (w *writer) recordOutcome(err error) {
	was := w.err()
	switch {
	case err != nil && was == nil:
		w.logger.Error("writing to the store failed, will retry", "database", w.path, "error", err)
	case err == nil && was != nil:
		w.logger.Info("writing to the store works again", "database", w.path)
	}
	w.lastErr.Store(&err)
}
