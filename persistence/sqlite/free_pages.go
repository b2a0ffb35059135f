package sqlite

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"dora-exporter/persistence/sqlstore"
)

// The pages that SQLite uses next are in a list, of which a damaged entry may name a page of a table: SQLite would overwrite that. PRAGMA quick_check
// of a table does not read the list. https://sqlite.org/fileformat2.html#the_freelist
const (
	// firstTrunk and freeCount are where the database's header has the first page of the list, and the number of free pages.
	firstTrunk, freeCount = 32, 36
	// trunkLength is where a page of the list has the number of its entries, and trunkEntries where these begin.
	trunkLength, trunkEntries = 4, 8
)

// shortPart is how long tables and indexes are compared without a rest: most are small.
const shortPart = 10 * time.Millisecond

// checkFreePages compares the free pages with those of each table and index. It rests between them, at least for a time.
func (r *Reader) checkFreePages(ctx context.Context, least time.Duration) error {
	names, err := r.strings(ctx, "SELECT 'sqlite_schema' UNION ALL SELECT name FROM sqlite_schema WHERE rootpage > 0")
	if err != nil {
		return fmt.Errorf("read the tables: %w", damaged(r.path, err))
	}
	began := time.Now()
	for _, name := range names {
		if err := r.comparePages(ctx, name); err != nil {
			return fmt.Errorf("check the free pages of database %s: %w", r.path, damaged(r.path, err))
		}
		if time.Since(began) < shortPart {
			continue
		}
		if err := sqlstore.Rest(ctx, began, least); err != nil {
			return err
		}
		began = time.Now()
	}
	return nil
}

// comparePages looks for pages of a table or index that are free, in one transaction.
func (r *Reader) comparePages(ctx context.Context, name string) error {
	snapshot, err := r.pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer snapshot.Close()
	free, err := r.freePages(snapshot)
	if err != nil || len(free) == 0 {
		return err
	}
	rows, err := snapshot.Query("SELECT pageno FROM dbstat WHERE name = ?", []any{name})
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var page int64
		if err := rows.Scan(&page); err != nil {
			return err
		}
		if free[page] {
			return &CorruptError{Path: r.path, What: fmt.Sprintf("page %d of %s is in the list of free pages", page, name)}
		}
	}
	return rows.Err()
}

// freePages returns the numbers of the pages in the list.
func (r *Reader) freePages(s sqlstore.Snapshot) (map[int64]bool, error) {
	header, pages, err := r.readPage(s, 1)
	if err != nil {
		return nil, err
	}
	want := int64(binary.BigEndian.Uint32(header[freeCount:]))
	free := make(map[int64]bool, min(want, pages))
	add := func(page int64) error {
		if page < 2 || page > pages || free[page] {
			return &CorruptError{Path: r.path, What: fmt.Sprintf("page %d can't be in the list of free pages, or is in it twice", page)}
		}
		free[page] = true
		return nil
	}
	for next := int64(binary.BigEndian.Uint32(header[firstTrunk:])); next != 0; {
		if err := add(next); err != nil {
			return nil, err
		}
		trunk, _, err := r.readPage(s, next)
		if err != nil {
			return nil, err
		}
		end := trunkEntries + 4*int64(binary.BigEndian.Uint32(trunk[trunkLength:]))
		if end > int64(len(trunk)) {
			return nil, &CorruptError{Path: r.path, What: fmt.Sprintf("page %d of the list of free pages has too many entries", next)}
		}
		for at := int64(trunkEntries); at < end; at += 4 {
			if err := add(int64(binary.BigEndian.Uint32(trunk[at:]))); err != nil {
				return nil, err
			}
		}
		next = int64(binary.BigEndian.Uint32(trunk))
	}
	if int64(len(free)) != want {
		return nil, &CorruptError{Path: r.path, What: fmt.Sprintf("it has %d free pages, and %d are in their list", want, len(free))}
	}
	return free, nil
}

// readPage returns a page and the number of all pages.
func (r *Reader) readPage(s sqlstore.Snapshot, number int64) (page []byte, pages int64, err error) {
	rows, err := s.Query("SELECT data, (SELECT page_count FROM pragma_page_count) FROM sqlite_dbpage WHERE pgno = ?", []any{number})
	if err != nil {
		return nil, 0, err
	}
	if rows.Next() {
		err = rows.Scan(&page, &pages)
	}
	if err = errors.Join(err, rows.Err(), rows.Close()); err == nil && page == nil {
		err = &CorruptError{Path: r.path, What: fmt.Sprintf("page %d is missing", number)}
	}
	return page, pages, err
}
