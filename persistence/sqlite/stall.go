package sqlite

import (
	"fmt"
	"time"
)

// stallAfter is how long nothing can be committed, although something is to be written, before the store counts as not
// working. An fsync that takes a second or two is usual on a busy disk.
const stallAfter = 10 * time.Second

// stalled returns an error if nothing could be committed for stallAfter although something was to be written: the committer
// waits for a disk that does not answer, or for another process that holds the database's lock. Both may be why it has not
// failed. Anyone may call it while the committer hangs.
func (w *writer) stalled() error {
	waiting, stalled := w.queue.state()
	if stalled < stallAfter || w.err() != nil { // else err has the reason
		return nil //nolint:nilerr // reported by err
	}
	return fmt.Errorf("the store could not commit anything for %s, with %d writes waiting: "+
		"the disk does not answer, or another process holds a lock on the database", stalled.Round(time.Second), waiting)
}

// watchStall logs when a stall begins and when it is over, until the writer is closed. The committer can't: it hangs.
func (w *writer) watchStall() {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
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
			w.logger.Error("nothing can be committed to the store, deliveries are refused meanwhile", "database", w.path, "error", err)
		case err == nil && was && w.err() == nil:
			w.logger.Info("the store commits again", "database", w.path)
		}
		was = err != nil || was && w.err() != nil // then it goes on, for another reason
	}
}

// Writes describes the store's writer.
type Writes struct {
	// Waiting is how many writes wait to be committed.
	Waiting int
	// Stalled is for how long nothing could be committed although something was to be written; 0 when that is not so.
	Stalled time.Duration
	// Log is the size of the write-ahead log in bytes.
	Log int64
}

// Writes returns how the writer is doing. It does not wait for the disk that is written to.
func (s *Store) Writes() (Writes, error) {
	waiting, stalled := s.writer.queue.state()
	size, err := logSize(s.path)
	return Writes{Waiting: waiting, Stalled: stalled, Log: size}, err
}
