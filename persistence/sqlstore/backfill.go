package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"

	"dora-exporter/dora"
)

// Part decodes the state of a part of a backfill.
func (t backfillTx) Part(name string, into any) (bool, error) {
	var state []byte
	known, err := t.queryRow("SELECT state FROM backfill_parts WHERE name = ?", []any{name}, &state)
	if err == nil && known {
		err = json.Unmarshal(state, into)
	}
	if err != nil {
		return false, fmt.Errorf("read the backfill of %s: %w", name, err)
	}
	return known, nil
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

const savePart = "INSERT INTO backfill_parts (name, state) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET state = excluded.state"

// SaveBackfillPart stores the state of a part in a transaction of a process that is not the server.
func SaveBackfillPart(exec Exec, name string, state any) error {
	text, err := json.Marshal(state)
	if err == nil {
		_, err = exec(savePart, name, string(text))
	}
	if err != nil {
		return fmt.Errorf("store the backfill of %s: %w", name, err)
	}
	return nil
}

// BackfillPart decodes the state of a part of a backfill; false if there is none.
func (r *Reader) BackfillPart(ctx context.Context, name string, into any) (bool, error) {
	var state []byte
	err := r.query(ctx, "SELECT state FROM backfill_parts WHERE name = ?", []any{name}, func(rows Rows) error { return rows.Scan(&state) })
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
		err = t.send(savePart, name, string(text))
	}
	if err != nil {
		return fmt.Errorf("store the backfill of %s: %w", name, err)
	}
	return nil
}

// AddPage adds a page to a part.
func (t backfillTx) AddPage(name string, page dora.ArchivePage) error {
	t.writer.hasPages.Store(true) // also if the transaction is undone: then it costs a query
	data, err := t.writer.codec.encode(page)
	if err == nil {
		err = t.send("INSERT INTO archive_pages (part, number, page) VALUES (?, (SELECT 1 + coalesce(max(number), 0) FROM archive_pages WHERE part = ?), ?)", name, name, data)
	}
	if err != nil {
		return fmt.Errorf("store a page of the backfill of %s: %w", name, err)
	}
	return nil
}

// Pages returns the pages of a part.
func (t backfillTx) Pages(name string) ([]dora.ArchivePage, error) {
	return archivePages(t.query, t.writer.codec, name)
}

// RemovePages removes the pages of a part.
func (t backfillTx) RemovePages(name string) error {
	if err := t.send("DELETE FROM archive_pages WHERE part = ?", name); err != nil {
		return fmt.Errorf("remove the pages of the backfill of %s: %w", name, err)
	}
	return nil
}

func archivePages(query queryFunc, c *codec, name string) (pages []dora.ArchivePage, err error) {
	err = query("SELECT page FROM archive_pages WHERE part = ? ORDER BY number", []any{name}, func(rows Rows) error {
		var data []byte
		var page dora.ArchivePage
		if err := rows.Scan(&data); err != nil {
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
	err = r.query(ctx, "SELECT coalesce(max(number), 0) FROM archive_pages WHERE part = ?", []any{dora.ArchivePart(c.Host, c.Owner, c.Repository)},
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
	err := r.Snapshot(ctx, func(r *Reader) error {
		err := r.query(ctx, "SELECT state FROM backfill_parts WHERE name = ?", []any{part}, func(rows Rows) error { return rows.Scan(&state) })
		if err != nil || state == nil {
			return err
		}
		if err := json.Unmarshal(state, found); err != nil {
			return err
		}
		pages, err := archivePages(r.queryFunc(ctx), r.codec, part)
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
