package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"dora-exporter/persistence/sqlstore"
)

const (
	// checkAtStartBelow is the file size up to which the whole file is checked at the start, which takes about a tenth of a second. A
	// larger file is checked in the background, and rows when they are read.
	checkAtStartBelow = 8 << 20
	// checkDelay is the time until a check in the background begins: a start has other work to do.
	checkDelay = 5 * time.Second
	// checkInterval is the time between two checks, and checkRetry that after one that failed.
	checkInterval = 24 * time.Hour
	checkRetry    = 10 * time.Minute
	// checkPause is the least time between two parts of a check in the background, each of which keeps a read transaction open. It leaves
	// the disk and the processor to others: half of one processor at least.
	checkPause = 50 * time.Millisecond
)

// errFoundDamaged is in the error of writes after the check in the background has found damage.
var errFoundDamaged = errors.New("the database is damaged")

// isLarge reports whether the file has a size or more.
func isLarge(path string, size int64) (bool, error) {
	info, err := os.Stat(path)
	return err == nil && info.Size() >= size, err
}

// checkAll looks for damage in a database: in the file with its free pages and its indexes, for missing facts, and for checksum mismatches. It
// rests between two parts of the work, at least for a time. What others have added, such as an index, is left alone.
func (r *Reader) checkAll(ctx context.Context, least time.Duration) error {
	schema, err := migratedSchema(len(sqlstore.Migrations))
	if err != nil {
		return fmt.Errorf("make the schema: %w", err)
	}
	if err := r.checkFreePages(ctx, least); err != nil {
		return err
	}
	for _, table := range tablesOf(schema) {
		began := time.Now()
		if err := errors.Join(r.checkTree(ctx, table), sqlstore.Rest(ctx, began, least)); err != nil {
			return err
		}
		if err := r.checkIndexes(ctx, table, schema, least); err != nil {
			return err
		}
	}
	return r.CheckRecords(ctx, least)
}

// tablesOf returns the tables of a schema.
func tablesOf(schema map[string]string) (all []string) {
	for _, object := range slices.Sorted(maps.Keys(schema)) {
		if table, ok := strings.CutPrefix(object, "table "); ok {
			all = append(all, table)
		}
	}
	return all
}

// checkTree looks for damage in the pages of a table and of its indexes, and for values that the table must not have.
func (r *Reader) checkTree(ctx context.Context, table string) error {
	var result string
	err := r.queryRow(ctx, fmt.Sprintf("PRAGMA quick_check(%q)", table), nil, &result)
	if err == nil && result != "ok" {
		err = &CorruptError{Path: r.path, What: result}
	}
	if err != nil {
		return fmt.Errorf("check %s in database %s: %w", table, r.path, damaged(r.path, err))
	}
	return nil
}

// checkAtStart checks a small database. It skips larger ones.
func checkAtStart(ctx context.Context, c *conn, path string) error {
	if large, err := isLarge(path, checkAtStartBelow); large || err != nil {
		return err
	}
	var result string
	if err := c.queryRow("PRAGMA integrity_check(1)", nil, &result); err != nil {
		return fmt.Errorf("check database %s: %w", path, err)
	}
	if result != "ok" {
		return &CorruptError{Path: path, What: result}
	}
	r, err := newReader(path)
	if err != nil {
		return err
	}
	return errors.Join(cmp.Or(r.countPartial(ctx), sqlstore.CheckAtStart(ctx, databaseOf(path, r.pool))), r.Close())
}

// checkInBackground checks the database while it is used: a large one soon, any once a day, and again after an error. The returned function ends
// that.
func (s *Store) checkInBackground() (stop func(), err error) {
	large, err := isLarge(s.path, checkAtStartBelow)
	if err != nil {
		return nil, err
	}
	wait := checkInterval
	if large {
		wait = checkDelay
	}
	ctx, cancel := context.WithCancel(context.Background())
	var checking sync.WaitGroup
	checking.Go(func() {
		for wait > 0 && sqlstore.Pause(ctx, wait) == nil {
			wait = s.check(ctx, checkPause)
		}
	})
	return func() {
		cancel()
		checking.Wait()
	}, nil
}

// check checks the database, and returns when to do so again: after 0 never. If the database is damaged, the store writes no more, also after a
// restart.
func (s *Store) check(ctx context.Context, least time.Duration) (again time.Duration) {
	began := time.Now()
	r, err := newReader(s.path)
	if err == nil {
		err = errors.Join(r.checkAll(ctx, least), r.Close())
	}
	var corrupt *CorruptError
	switch {
	case ctx.Err() != nil:
		return 0
	case errors.As(err, &corrupt):
		s.StopFor(fmt.Errorf("%w: %w", errFoundDamaged, err))
		err = errors.Join(err, s.recordDamage(err))
		s.logger.Error("the database is damaged, nothing is written to it any more", "database", s.path, "error", err)
		return 0
	case err != nil:
		s.logger.Warn("the database could not be checked, will retry", "database", s.path, "error", err)
		return checkRetry
	}
	s.logger.Info("the database was checked", "database", s.path, "seconds", time.Since(began).Seconds())
	return checkInterval
}
