package sqlstore

import (
	"fmt"
	"time"
)

// StallAfter is how long writes may wait without any commit before the store counts as stalled. An fsync of a second or two is
// common on a busy disk.
const StallAfter = 10 * time.Second

// stalled returns an error if writes have waited for StallAfter without any commit: the committer is blocked by a disk that does not
// respond, or by another process that holds the database's lock, and so can't report an error itself. stalled never blocks.
func (w *writer) stalled() error {
	if w.err() != nil { // err returns the cause then
		return nil //nolint:nilerr // err returns it
	}
	cause := "the disk does not respond, or another process holds a lock on the database"
	if err := w.busy.Load(); err != nil && !w.engine.IsExclusive() {
		cause = (*err).Error()
	}
	return w.queue.stalled(cause)
}

// stalled returns an error if deliveries have waited for StallAfter.
func (i *inbox) stalled() error {
	if i.err() != nil {
		return nil //nolint:nilerr // err returns it
	}
	return i.queue.stalled("the database does not answer")
}

func (q *commitQueue) stalled(cause string) error {
	waiting, stalled := q.state()
	if stalled < StallAfter {
		return nil
	}
	return fmt.Errorf("the store could not commit anything for %s, with %d writes waiting: %s", stalled.Round(time.Second), waiting, cause)
}

// watchStall logs the beginning and the end of a stall, until the writer is closed. The committer can't, since it is blocked.
func (w *writer) watchStall() {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	begin := "committing to the store stalled, refusing deliveries until it recovers"
	if _, ok := w.engine.(Inbox); ok {
		begin = "committing to the store stalled, deliveries are stored and wait until it recovers"
	}
	was := false
	for {
		select {
		case <-w.stopped:
			return
		case <-ticker.C:
		}
		err := w.stalled()
		switch {
		case err != nil && !was:
			w.logger.Error(begin, "database", w.path, "error", err)
		case err == nil && was && w.err() == nil:
			w.logger.Info("committing to the store works again", "database", w.path)
		}
		was = err != nil || was && w.err() != nil // the stall became an error
	}
}

// watchStall logs the beginning and the end of a stall, until the inbox is stopped.
func (i *inbox) watchStall() {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	was := false
	for {
		select {
		case <-i.stopped:
			return
		case <-ticker.C:
		}
		err := i.stalled()
		switch {
		case err != nil && !was:
			i.logger.Error("storing deliveries stalled, refusing them until it recovers", "database", i.writer.path, "error", err)
		case err == nil && was && i.err() == nil: // else the stall became an error, whose end is logged
			i.logger.Info("storing deliveries works again", "database", i.writer.path)
		}
		was = err != nil
	}
}

// Writes describes what is written to the store.
type Writes struct {
	// Waiting is the number of writes that wait to be committed.
	Waiting int
	// Stalled is how long writes have waited without any commit; 0 if no write waits.
	Stalled time.Duration
	// Log is the size of the write-ahead log in bytes, Size that of the database with it.
	Log, Size int64
}

// Writes returns the state of the writer and of the inbox. It does not wait for their disk operations.
func (s *Store) Writes() (Writes, error) {
	waiting, stalled := s.writer.queue.state()
	if s.inbox != nil {
		deliveries, since := s.inbox.queue.state()
		waiting, stalled = waiting+deliveries+int(s.inbox.storing.Load()), max(stalled, since)
	}
	log, size, err := s.writer.engine.Sizes()
	return Writes{Waiting: waiting, Stalled: stalled, Log: log, Size: size}, err
}
