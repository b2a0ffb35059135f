package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"dora-exporter/dora"
)

const (
	// checkAtStartBelow is the file size up to which the whole file is checked at the start, which takes about a tenth of a second. A
	// larger file is checked in the background, and rows when they are read.
	checkAtStartBelow = 8 << 20
	// checkDelay is the time until a check in the background begins: a start has other work to do.
	checkDelay = 5 * time.Second
	// checkPause is the time between two parts of a check in the background, each of which keeps a read transaction open. It leaves the
	// disk and the processor to others.
	checkPause = 50 * time.Millisecond
	// checkBatch is how many facts are checked at once in the background.
	checkBatch = 1000
)

// errFoundDamaged is in the error of writes after the check in the background has found damage.
var errFoundDamaged = errors.New("the database is damaged")

// isLarge reports whether the file has a size or more.
func isLarge(path string, size int64) (bool, error) {
	info, err := os.Stat(path)
	return err == nil && info.Size() >= size, err
}

// checkAll looks for damage in a database: in the file with its indexes, for missing facts, and for checksum mismatches. It waits
// between two parts of the work.
func (r *Reader) checkAll(ctx context.Context, wait time.Duration) error {
	tables, err := readAll(ctx, r, "the tables", "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", nil, scanText)
	if err != nil {
		return err
	}
	for _, table := range tables {
		if err := errors.Join(r.checkTree(ctx, table), pause(ctx, wait)); err != nil {
			return err
		}
	}
	if err := checkRows(ctx, r.db, r.path, wait); err != nil {
		return err
	}
	if err := errors.Join(r.Snapshot(ctx, func(r *Reader) error { return r.checkRemoval(ctx) }), pause(ctx, wait)); err != nil {
		return err
	}
	return r.checkFacts(ctx, wait)
}

// checkTree looks for damage in the pages of a table and of its indexes.
func (r *Reader) checkTree(ctx context.Context, table string) error {
	var result string
	err := r.db.QueryRowContext(ctx, fmt.Sprintf("PRAGMA integrity_check(%q)", table)).Scan(&result)
	if err == nil && result != "ok" {
		err = &CorruptError{Path: r.path, What: result}
	}
	if err != nil {
		return fmt.Errorf("check %s in database %s: %w", table, r.path, r.damaged(err))
	}
	return nil
}

// checkFacts reads all facts. Some may be removed meanwhile.
func (r *Reader) checkFacts(ctx context.Context, wait time.Duration) error {
	for position := int64(0); ; {
		facts, err := r.Facts(ctx, position, checkBatch)
		var removed *dora.RemovedError
		if errors.As(err, &removed) {
			position = removed.Position
			continue
		}
		if err != nil || len(facts) == 0 {
			return err
		}
		position = facts[len(facts)-1].Position
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

// checkAtStart checks a small database. It skips larger ones.
func checkAtStart(ctx context.Context, db *sql.DB, path string) error {
	if large, err := isLarge(path, checkAtStartBelow); large || err != nil {
		return err
	}
	var result string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&result); err != nil {
		return fmt.Errorf("check database %s: %w", path, err)
	}
	if result != "ok" {
		return &CorruptError{Path: path, What: result}
	}
	r := &Reader{path: path, db: db}
	err := r.Snapshot(ctx, func(r *Reader) error {
		if err := r.checkRemoval(ctx); err != nil {
			return err
		}
		return r.countFacts(ctx)
	})
	if err != nil {
		return err
	}
	return checkRows(ctx, db, path, 0)
}

// countFacts returns an error if facts are missing that were not removed.
func (r *Reader) countFacts(ctx context.Context) error {
	var facts, last, removed int64
	err := r.queryRow(ctx, "SELECT count(*), coalesce(max(position), 0), coalesce((SELECT position FROM removal), 0) FROM facts", &facts, &last, &removed)
	if err != nil {
		return fmt.Errorf("count the facts in database %s: %w", r.path, err)
	}
	if facts == last-removed {
		return nil
	}
	what := fmt.Sprintf("it has %d facts and the last one's position is %d", facts, last)
	if removed > 0 {
		what += fmt.Sprintf(", after %d that were removed", removed)
	}
	return &CorruptError{Path: r.path, What: what}
}

// checkInBackground checks a large database while it is used. If it is damaged, the store writes no more. The returned function ends
// the check.
func (s *Store) checkInBackground() (stop func(), err error) {
	if large, err := isLarge(s.path, checkAtStartBelow); !large || err != nil {
		return func() {}, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var checking sync.WaitGroup
	checking.Go(func() {
		if pause(ctx, checkDelay) == nil {
			s.check(ctx, checkPause)
		}
	})
	return func() {
		cancel()
		checking.Wait()
	}, nil
}

func (s *Store) check(ctx context.Context, wait time.Duration) {
	began := time.Now()
	r, err := newReader(s.path)
	if err == nil {
		err = errors.Join(r.checkAll(ctx, wait), r.Close())
	}
	var corrupt *CorruptError
	switch {
	case ctx.Err() != nil:
	case errors.As(err, &corrupt):
		s.writer.stopFor(fmt.Errorf("%w: %w", errFoundDamaged, err))
		s.logger.Error("the database is damaged, nothing is written to it any more", "database", s.path, "error", err)
	case err != nil:
		s.logger.Warn("the database could not be checked", "database", s.path, "error", err)
	default:
		s.logger.Info("the database was checked", "database", s.path, "seconds", time.Since(began).Seconds())
	}
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
