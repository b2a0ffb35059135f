package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"

	"dora-exporter/persistence/sqlstore"
)

// inboxConnection is the connection that stores deliveries. It takes no lock: the unique key of the deliveries decides between replicas.
type inboxConnection struct {
	mu   sync.Mutex
	conn *sql.Conn
	raw  *pgx.Conn
	// stems has the ids of texts.
	stems map[string]int64
	// commits is the number of groups that changed something.
	commits int64
}

// maxStems bounds the memory of inboxConnection.stems.
const maxStems = 10_000

// use calls f with the connection. After an error it is closed. If the server had ended an idle session, f is called again with another one.
func (e *engine) use(f func(c *inboxConnection) error) error {
	c := &e.inbox
	c.mu.Lock()
	defer c.mu.Unlock()
	err := e.try(c, f)
	if code(err) == "57P05" { // idle_session_timeout: nothing was executed
		err = e.try(c, f)
	}
	return err
}

func (e *engine) try(c *inboxConnection, f func(c *inboxConnection) error) error {
	if err := e.failure(); err != nil {
		return err
	}
	if c.conn == nil {
		opened, err := e.connect()
		if err != nil {
			return err
		}
		c.conn, c.raw, c.stems = opened.conn, opened.raw, map[string]int64{}
		if err := e.checkInbox(c); err != nil {
			return errors.Join(err, c.close())
		}
	}
	err := f(c)
	if err != nil && (c.raw.IsClosed() || isStorageFailure(err)) {
		err = errors.Join(err, c.close())
	}
	return err
}

// checkInbox fails if the database has fewer commits of the inbox than were durable: deliveries that were answered are lost.
func (e *engine) checkInbox(c *inboxConnection) error {
	var commits int64
	query := e.dialect.constant("SELECT coalesce((SELECT commits FROM writers WHERE id = $1::bytea), 0)")
	if err := c.raw.QueryRow(context.Background(), query, []byte(e.inboxID)).Scan(&commits); err != nil {
		return err
	}
	return e.checkAnswered(commits, c.commits)
}

// checkAnswered fails if the database has fewer commits of the inbox than were known to be durable before it was asked.
func (e *engine) checkAnswered(commits, known int64) error {
	if commits < known {
		return e.fail(fmt.Errorf("%w: among them deliveries that were answered, let their senders send them again", errReplaced))
	}
	return nil
}

func (c *inboxConnection) close() error {
	if c.conn == nil {
		return nil
	}
	err := c.conn.Close()
	c.conn, c.raw = nil, nil
	if errors.Is(err, sql.ErrConnDone) {
		return nil
	}
	return err
}

// Store stores deliveries in a transaction of its own. It is one round trip if their stems are known.
func (e *engine) Store(rows []*sqlstore.Row) (stored []bool, err error) {
	err = e.use(func(c *inboxConnection) error {
		if err := e.findStems(c, rows); err != nil {
			return err
		}
		stored, err = e.insert(c, rows)
		return err
	})
	return stored, err
}

// insertRows inserts rows in the order of their keys, in which all replicas wait for each other, counts the commit, and returns what was
// stored. It sets that the commit waits for the disk. $9 and $10 are the writer and the number of its commits.
const insertRows = `WITH stored AS (
	INSERT INTO deliveries (source, stem, rest, about, event, received, due, checksum)
		SELECT source, stem, rest, about, event, received, 0, checksum
		FROM unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::bytea[], $5::bytea[], $6::bigint[], $7::bigint[], $8::bytea[])
			AS d (source, stem, rest, about, event, received, checksum, hash)
		WHERE NOT EXISTS (SELECT 1 FROM removed_keys AS r WHERE r.hash = d.hash) ORDER BY stem, rest
	ON CONFLICT (stem, rest) DO UPDATE SET about = excluded.about, event = excluded.event, received = excluded.received,
		checksum = excluded.checksum, due = 0, waiting_since = NULL, attempts = 0, store_failures = 0, state = 0 WHERE deliveries.state = 2
	RETURNING stem, rest
), counted AS (
	INSERT INTO writers (id, commits, seen) SELECT $9::bytea, $10::bigint, ` + millis + ` WHERE EXISTS (SELECT 1 FROM stored)
	ON CONFLICT (id) DO UPDATE SET commits = excluded.commits, seen = excluded.seen
)
SELECT stem, rest, ` + durable + ` FROM stored`

// dropRemoved drops rows that were just inserted although they are redeliveries: if another transaction removes a delivery, insertRows may wait
// for its end at the unique key, and has looked for the removed key before.
const dropRemoved = `DELETE FROM deliveries AS d USING unnest($1::bigint[], $2::bytea[], $3::bytea[]) AS k (stem, rest, hash)
	JOIN removed_keys AS r ON r.hash = k.hash WHERE d.stem = k.stem AND d.rest = k.rest AND d.state = 0 RETURNING d.stem, d.rest`

func (e *engine) insert(c *inboxConnection, rows []*sqlstore.Row) ([]bool, error) {
	sources, rests, abouts, events, hashes := bytesOf(rows), bytesOf(rows), bytesOf(rows), bytesOf(rows), bytesOf(rows)
	stems, received, checksums := make([]int64, len(rows)), make([]int64, len(rows)), make([]int64, len(rows))
	at := map[part]int{}
	for i, r := range rows {
		stems[i], received[i], checksums[i] = c.stems[r.Stem], r.Received, r.Checksum
		sources[i], rests[i], abouts[i], events[i], hashes[i] = []byte(r.Source), []byte(r.Rest), []byte(r.About), r.Event, r.Removed
		at[part{stems[i], r.Rest}] = i
	}
	var batch pgx.Batch
	stored, changed := make([]bool, len(rows)), false
	batch.Queue(e.dialect.constant(insertRows), sources, stems, rests, abouts, events, received, checksums, hashes, []byte(e.inboxID), c.commits+1).
		Query(func(inserted pgx.Rows) error {
			return forRows(inserted, func(stem int64, rest []byte) { stored[at[part{stem, string(rest)}]], changed = true, true })
		})
	batch.Queue(e.dialect.constant(dropRemoved), stems, rests, hashes).Query(func(dropped pgx.Rows) error {
		return forRows(dropped, func(stem int64, rest []byte) { stored[at[part{stem, string(rest)}]] = false })
	})
	if err := c.raw.SendBatch(context.Background(), &batch).Close(); err != nil {
		return nil, err
	}
	if changed {
		c.commits++
		e.inboxCommitted.Store(c.commits)
	}
	return stored, nil
}

// part names a row by its key.
type part struct {
	stem int64
	rest string
}

func bytesOf(rows []*sqlstore.Row) [][]byte { return make([][]byte, len(rows)) }

// forRows calls f for each row. Its first columns are an id and a text.
func forRows(rows pgx.Rows, f func(id int64, text []byte)) error {
	defer rows.Close()
	var id int64
	var text []byte
	columns := []any{&id, &text}
	for rows.Next() {
		for len(columns) < len(rows.FieldDescriptions()) {
			columns = append(columns, nil) // skipped
		}
		if err := rows.Scan(columns...); err != nil {
			return err
		}
		f(id, text)
	}
	return rows.Err()
}

// findStems makes sure that the ids of all stems are known. Missing ones are stored in their order, each by itself, so that no
// replica waits for another one that waits for it.
func (e *engine) findStems(c *inboxConnection, rows []*sqlstore.Row) error {
	var unknown []string
	for _, r := range rows {
		if _, known := c.stems[r.Stem]; !known {
			unknown = append(unknown, r.Stem)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	if len(c.stems) > maxStems {
		clear(c.stems)
		return e.findStems(c, rows)
	}
	slices.Sort(unknown)
	for _, stem := range slices.Compact(unknown) {
		var id int64
		err := c.raw.QueryRow(context.Background(), e.dialect.constant("WITH added AS (INSERT INTO texts (text) SELECT $1::bytea "+
			"WHERE NOT EXISTS (SELECT 1 FROM texts WHERE text = $1::bytea) ON CONFLICT (text) DO NOTHING RETURNING id) "+
			"SELECT id FROM added UNION ALL SELECT id FROM texts WHERE text = $1::bytea"), []byte(stem)).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) { // another replica has just stored it
			err = c.raw.QueryRow(context.Background(), e.dialect.constant("SELECT id FROM texts WHERE text = $1::bytea"), []byte(stem)).Scan(&id)
		}
		if err != nil {
			return fmt.Errorf("store the text %q: %w", stem, err)
		}
		c.stems[stem] = id
	}
	return nil
}

// Known reports which keys exist or were removed.
func (e *engine) Known(rows []*sqlstore.Row) ([]bool, error) {
	known := make([]bool, len(rows))
	at := map[string]int{}
	stems, rests, keys, hashes := bytesOf(rows), bytesOf(rows), bytesOf(rows), bytesOf(rows)
	for i, r := range rows {
		stems[i], rests[i], keys[i], hashes[i], at[r.Key] = []byte(r.Stem), []byte(r.Rest), []byte(r.Key), r.Removed, i
	}
	err := e.use(func(c *inboxConnection) error {
		found, err := c.raw.Query(context.Background(), e.dialect.constant("SELECT d.id, t.text || d.rest FROM "+
			"unnest($1::bytea[], $2::bytea[]) AS k (stem, rest) JOIN texts AS t ON t.text = k.stem JOIN deliveries AS d ON d.stem = t.id AND d.rest = k.rest "+
			"UNION ALL SELECT 0, k.key FROM unnest($3::bytea[], $4::bytea[]) AS k (key, hash) JOIN removed_keys AS r ON r.hash = k.hash"),
			stems, rests, keys, hashes)
		if err != nil {
			return err
		}
		return forRows(found, func(_ int64, key []byte) { known[at[string(key)]] = true })
	})
	return known, err
}

// Pending counts the pending deliveries.
func (e *engine) Pending() (n int64, err error) {
	err = e.use(func(c *inboxConnection) error {
		return c.raw.QueryRow(context.Background(), e.dialect.constant("SELECT count(*) FROM deliveries WHERE state = 0")).Scan(&n)
	})
	return n, err
}
