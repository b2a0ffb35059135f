package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"

	"dora-exporter/dora"
)

// Part decodes the state of a part of a backfill.
func (t backfillTx) Part(name string, into any) (bool, error) {
	state, err := readPart(t.writer.path, t.query, name)
	if err == nil && state != nil {
		err = json.Unmarshal(state, into)
	}
	if err != nil {
		return false, fmt.Errorf("read the backfill of %s: %w", name, err)
	}
	return state != nil, nil
}

// readPart returns the state of a part; nil if there is none.
func readPart(path string, query queryFunc, name string) (state []byte, err error) {
	err = query("SELECT state, checksum FROM backfill_parts WHERE name = ?", []any{name}, func(rows Rows) error {
		var sum int64
		if err := rows.Scan(&state, &sum); err != nil {
			return err
		}
		return checkRow(path, "the backfill of "+name, sum, name, state)
	})
	return state, err
}

// Parts returns the names of the parts with a prefix.
func (t backfillTx) Parts(prefix string) (names []string, err error) {
	from, to := prefixRange(prefix)
	err = t.query("SELECT name FROM backfill_parts WHERE name >= ? AND name < ? ORDER BY name", []any{from, to}, func(rows Rows) error {
		name, err := scanText(rows)
		names = append(names, name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the parts of the backfill: %w", err)
	}
	return names, nil
}

var savePart = upsert("backfill_parts", "name", "state, checksum")

// SaveBackfillPart stores the state of a part in a transaction of a process that is not the server.
func SaveBackfillPart(exec Exec, name string, state any) error {
	text, err := json.Marshal(state)
	if err == nil {
		_, err = exec(savePart, withChecksum(name, string(text))...)
	}
	if err != nil {
		return fmt.Errorf("store the backfill of %s: %w", name, err)
	}
	return nil
}

// BackfillPart decodes the state of a part of a backfill; false if there is none.
func (r *Reader) BackfillPart(ctx context.Context, name string, into any) (bool, error) {
	state, err := readPart(r.path, r.queryFunc(ctx), name)
	if err == nil && state != nil {
		err = json.Unmarshal(state, into)
	}
	if err != nil {
		return false, fmt.Errorf("read the backfill of %s: %w", name, err)
	}
	return state != nil, nil
}

// SavePart stores the state of a part.
func (t backfillTx) SavePart(name string, state any) error {
	text, err := json.Marshal(state)
	if err == nil {
		err = t.send(savePart, withChecksum(name, string(text))...)
	}
	if err != nil {
		return fmt.Errorf("store the backfill of %s: %w", name, err)
	}
	return nil
}

const lastPage = "SELECT coalesce(max(number), 0) FROM archive_pages WHERE part = ?"

// AddPage adds a page to a part.
func (t backfillTx) AddPage(name string, page dora.ArchivePage) error {
	t.writer.hasPages.Store(true) // also if the transaction is undone: then it costs a query
	var last int64
	data, err := t.writer.codec.encode(page)
	if err == nil {
		_, err = t.queryRow(lastPage, []any{name}, &last)
	}
	if err == nil {
		err = t.send("INSERT INTO archive_pages (part, number, page, checksum) VALUES (?, ?, ?, ?)", withChecksum(name, last+1, data)...)
	}
	if err != nil {
		return fmt.Errorf("store a page of the backfill of %s: %w", name, err)
	}
	return nil
}

// Pages returns the pages of a part.
func (t backfillTx) Pages(name string) ([]dora.ArchivePage, error) {
	return archivePages(t.writer.path, t.query, t.writer.codec, name)
}

// RemovePages removes the pages of a part.
func (t backfillTx) RemovePages(name string) error {
	if err := t.send("DELETE FROM archive_pages WHERE part = ?", name); err != nil {
		return fmt.Errorf("remove the pages of the backfill of %s: %w", name, err)
	}
	return nil
}

func archivePages(path string, query queryFunc, c *codec, name string) (pages []dora.ArchivePage, err error) {
	err = query("SELECT number, page, checksum FROM archive_pages WHERE part = ? ORDER BY number", []any{name}, func(rows Rows) error {
		var number, sum int64
		var data []byte
		var page dora.ArchivePage
		if err := rows.Scan(&number, &data, &sum); err != nil {
			return err
		}
		if err := checkRow(path, "a page of the backfill of "+name, sum, name, number, data); err != nil {
			return err
		}
		err := c.decode(data, &page)
		pages = append(pages, page)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the pages of the backfill of %s: %w", name, err)
	}
	return pages, nil
}

// ArchivedPages returns how many pages were read of a commit's repository.
func (r *Reader) ArchivedPages(ctx context.Context, c dora.Commit) (n int, err error) {
	err = r.query(ctx, lastPage, []any{dora.ArchivePart(c.Host, c.Owner, c.Repository)},
		func(rows Rows) error { return rows.Scan(&n) })
	if err != nil {
		return 0, fmt.Errorf("count the pages that were read of %s: %w", c.Key(), err)
	}
	return n, nil
}

// ArchivedPages returns how many pages were read of a commit's repository. It costs nothing while there are none of any.
func (s *Store) ArchivedPages(ctx context.Context, c dora.Commit) (int, error) {
	if s.writer.engine.IsExclusive() && !s.writer.hasPages.Load() {
		return 0, nil
	}
	return s.Reader.ArchivedPages(ctx, c)
}

// Archived returns what was read of a commit's repository.
func (r *Reader) Archived(ctx context.Context, c dora.Commit) (*dora.ArchivedRepository, error) {
	part := dora.ArchivePart(c.Host, c.Owner, c.Repository)
	var state []byte
	found := &dora.ArchivedRepository{}
	err := r.Snapshot(ctx, func(r *Reader) (err error) {
		if state, err = readPart(r.path, r.queryFunc(ctx), part); err != nil || state == nil {
			return err
		}
		if err := json.Unmarshal(state, found); err != nil {
			return err
		}
		pages, err := archivePages(r.path, r.queryFunc(ctx), r.codec, part)
		for _, page := range pages {
			found.Pulls = append(found.Pulls, page.Pulls...)
			found.Commits = append(found.Commits, page.Commits...)
		}
		return err
	})
	if err != nil || state == nil {
		return nil, err
	}
	return found, nil
}
