// Package sqlstore keeps the records of a store in SQL: deliveries, facts, queued work and the state of the rules. Every engine
// (packages sqlite and postgres) keeps them so, and adds how its database is opened, locked, checked and written durably.
package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"dora-exporter/dora"
)

// Store is an open store. Writes are committed in groups, one at a time; reads go through connections that can't write and see what
// is committed.
type Store struct {
	*Reader
	logger *slog.Logger
	writer *writer
	// inbox is nil if the writer stores deliveries.
	inbox *inbox
	// leases are nil if other processes claim work, too: the table leases has them then.
	leases *leases
	shared *sharedLeases

	identity sync.Mutex
	id       string
	created  time.Time
	started  time.Time
}

// Open returns the store that a reader reads, which it closes.
func Open(ctx context.Context, r *Reader, engine Engine, logger *slog.Logger) (*Store, error) {
	s := &Store{Reader: r, logger: logger, writer: newWriter(r, engine, logger)}
	if in, ok := engine.(Inbox); ok {
		s.inbox, s.shared = newInbox(in, s.writer, logger), newSharedLeases(in.Name())
	} else {
		l := newLeases()
		s.leases = &l
	}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	if err := s.identify(ctx); err != nil {
		return err
	}
	var hasPages bool
	if err := s.queryRow(ctx, "SELECT EXISTS (SELECT 1 FROM removed_keys), EXISTS (SELECT 1 FROM archive_pages)", &s.writer.hasRemoved, &hasPages); err != nil {
		return err
	}
	s.writer.hasPages.Store(hasPages)
	if err := s.writer.start(); err != nil {
		return err
	}
	if s.inbox != nil {
		go s.inbox.run()
		go s.inbox.watchStall()
	}
	return nil
}

// Close commits the current group, fails waiting writes with ErrClosed, and closes the database.
func (s *Store) Close() error {
	if s.inbox != nil {
		s.inbox.stop()
	}
	err := s.Reader.Close()
	return errors.Join(err, s.writer.stop()) // the writer last, so that SQLite checkpoints the WAL
}

// StopFor makes all further writes fail with an error.
func (s *Store) StopFor(damage error) { s.writer.stopFor(damage) }

// Err returns the reason why no delivery can be stored at the moment; nil if deliveries are accepted. After a failed write, the store
// retries every few seconds.
func (s *Store) Err() error {
	err := errors.Join(s.writer.err(), s.writer.backlogError(0))
	if s.inbox != nil { // which does not wait for the writer
		return errors.Join(err, s.inbox.err(), s.inbox.stalled())
	}
	return errors.Join(err, s.writer.stalled())
}

// Notify counts a commit of another process.
func (s *Store) Notify() { s.writer.changed.notify() }

// Revision returns the number of commits that changed something. Call it before a query, so that WaitAfter misses no
// change after the query.
func (s *Store) Revision() int64 { return s.writer.changed.revision() }

// WaitAfter waits for a commit after a revision.
func (s *Store) WaitAfter(ctx context.Context, revision int64) error {
	for {
		current, next := s.writer.changed.wait()
		if current > revision {
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Update runs f in one transaction of the store's writer. f must be quick and must not call the Store. If f returns an error or
// panics, its changes are rolled back, and no other ones. When Update returns nil, the changes are on the disk. An error that wraps
// dora.ErrStoreFailing is caused by the disk and not by f. f may be called again after a failed commit or the failure of another one, but
// not after Update has returned.
func (s *Store) Update(ctx context.Context, f func(dora.Tx) error) error {
	return s.updateAs(ctx, "", func(t *tx) error { return f(t) })
}

func (s *Store) update(ctx context.Context, f func(*tx) error) error { return s.updateAs(ctx, "", f) }

func (s *Store) updateAs(ctx context.Context, client string, f func(*tx) error) error {
	var ending []work
	o := newOp(func(t *tx) error {
		t.client, t.leases, t.shared, t.ending = client, s.leases, s.shared, &ending
		if s.shared != nil {
			ending = nil // the op may run again
		}
		return f(t)
	})
	o.background = dora.IsInBackground(ctx)
	err := s.writer.do(ctx, o)
	if errors.Is(err, errUnderWay) {
		<-o.done
		err = o.err
	}
	if s.leases != nil {
		s.leases.end(ending)
	} else if s.shared.countLost(err); err == nil {
		s.shared.remove(client, ending)
	}
	switch {
	case !s.writer.engine.IsStorageFailure(err):
		return err
	case s.writer.engine.MayBeTransaction(err):
		return fmt.Errorf("%w: %w", dora.ErrTransactionFailing, err)
	}
	return fmt.Errorf("%w: %w", dora.ErrStoreFailing, s.damaged(err))
}

// Change runs f like Update, for the engine.
func (s *Store) Change(ctx context.Context, f func(*Tx) error) error { return s.update(ctx, f) }

// Tx is the transaction of a change. It implements dora.Tx.
type Tx = tx

// Exec executes a statement of the engine and returns how many rows it changed.
func (t *Tx) Exec(query string, args ...any) (int64, error) { return t.exec(query, args...) }

// QueryRow scans the only row of a query of the engine; false if there is none.
func (t *Tx) QueryRow(query string, args []any, into ...any) (bool, error) {
	return t.queryRow(query, args, into...)
}

// Statements returns the statements that the store has executed, but for those of snapshots, for tests of their plans.
func (s *Store) Statements(ctx context.Context) []string {
	all := s.connections.Statements()
	_ = s.update(ctx, func(t *tx) error { // the connection is the committer's
		all = append(all, t.connection.Statements()...)
		return nil
	})
	return all
}
