package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"dora-exporter/dora"
)

const dueLookupsQuery = "WHERE due <= ? ORDER BY due LIMIT (SELECT ? + 0)"

// dueLookupKeys returns the keys of at most limit look-ups that are due at now, the longest due first. It reads the index alone.
func (r *Reader) dueLookupKeys(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return readAll(ctx, r, "due look-ups", "SELECT commit_key FROM lookups "+dueLookupsQuery, []any{now.UnixMilli(), limit}, scanText)
}

// lookups returns the look-ups with some keys, in any order, and why those that can't be decoded can't be, by their keys.
func (r *Reader) lookups(ctx context.Context, keys []string) (jobs []dora.Lookup, unreadable map[string]error, err error) {
	return readInChunks(keys, func(list string, args []any) ([]dora.Lookup, map[string]error, error) {
		return r.readLookups(ctx, "WHERE commit_key IN "+list, args...)
	})
}

// dueLookups returns the look-ups that are due at now, the longest due first, and why those that can't be decoded can't be, by their keys: at
// most limit of both.
func (r *Reader) dueLookups(ctx context.Context, now time.Time, limit int) (jobs []dora.Lookup, unreadable map[string]error, err error) {
	return r.readLookups(ctx, dueLookupsQuery, now.UnixMilli(), limit)
}

func (r *Reader) readLookups(ctx context.Context, query string, args ...any) (jobs []dora.Lookup, unreadable map[string]error, err error) {
	unreadable = map[string]error{}
	err = r.query(ctx, "SELECT commit_key, details, repository, due, attempts, misses, failing_since, failing_calls, inaccessible, checksum FROM lookups "+query,
		args, func(rows Rows) error {
			j, key, err := scanLookup(r.path, rows)
			switch {
			case key == "":
				return err
			case err != nil:
				unreadable[key] = err
			default:
				jobs = append(jobs, j)
			}
			return nil
		})
	if err != nil {
		return nil, nil, fmt.Errorf("read due look-ups: %w", err)
	}
	return jobs, unreadable, nil
}

// scanLookup reads a look-up and its key. If it returns a key with an error, the look-up can't be decoded.
func scanLookup(path string, rows Rows) (j dora.Lookup, key string, err error) {
	var commit, calls string
	var due, attempts, misses, failing int64
	var sum int64
	if err := rows.Scan(&key, &commit, &j.Repository, &due, &attempts, &misses, &failing, &calls, &j.Inaccessible, &sum); err != nil {
		return j, "", err
	}
	j.Due, j.Attempts, j.Misses, j.FailingSince = fromMillis(due), int(attempts), int(misses), fromMillis(failing)
	if err := checkRow(path, "the look-up of "+key, sum, key, commit, j.Repository, attempts, misses, failing, calls, j.Inaccessible); err != nil {
		return j, key, err
	}
	err = json.Unmarshal([]byte(commit), &j.Commit)
	if err == nil {
		j.FailingCalls, err = decodeFailingCalls(calls)
	}
	if err != nil {
		return j, key, &CorruptError{Path: path, What: "the look-up of " + key + " can't be read", Err: err}
	}
	return j, key, nil
}

// postponeLookup makes the look-up with a key due at a time.
func (s *Store) postponeLookup(key string, due time.Time) func(*tx) error {
	return func(t *tx) error {
		return t.send("UPDATE lookups SET due = ? WHERE commit_key = ?", due.UnixMilli(), key)
	}
}

// AddLookup stores a look-up unless one of the same commit exists.
func (t commitTx) AddLookup(j dora.Lookup) error {
	return t.saveLookup(j, addLookup)
}

// RetryLookup replaces the look-up of the same commit.
func (t commitTx) RetryLookup(j dora.Lookup) error {
	if err := t.checkLease(work{lookupQueue, j.Commit.Key()}, false); err != nil {
		return err
	}
	return t.saveLookup(j, replaceLookup)
}

const lookupColumns = "details, repository, attempts, misses, failing_since, failing_calls, inaccessible, checksum, due"

var (
	addLookup         = "INSERT INTO lookups (commit_key, " + lookupColumns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
	replaceLookup     = upsert("lookups", "commit_key", lookupColumns)
	saveWaitingStatus = upsert("waiting_statuses", "commit_key, subject", "labels, at, id, checksum")
)

func (t *tx) saveLookup(j dora.Lookup, query string) error {
	commit, err := json.Marshal(j.Commit)
	if err == nil {
		row := withChecksum(j.Commit.Key(), string(commit), j.Repository, int64(j.Attempts), int64(j.Misses), j.FailingSince.UnixMilli(),
			encodeFailingCalls(j.FailingCalls), j.Inaccessible)
		err = t.send(query, append(row, j.Due.UnixMilli())...)
	}
	if err != nil {
		return fmt.Errorf("store the look-up of %s: %w", j.Commit.Key(), err)
	}
	return nil
}

// Wait stores a status whose lead time waits for the origin of its commit.
func (t commitTx) Wait(w dora.WaitingStatus) error {
	labels, err := json.Marshal(w.Labels)
	if err == nil {
		row := []any{w.Commit, w.Subject, string(labels), w.At.UnixMilli(), w.ID}
		err = t.send(saveWaitingStatus, append(row, checksum(row...))...)
	}
	if err != nil {
		return fmt.Errorf("store waiting status %s: %w", w.Subject, err)
	}
	return nil
}

// Waiting returns the subjects of the statuses that wait for a commit, the oldest first.
func (r *Reader) Waiting(ctx context.Context, commit string) (subjects []string, err error) {
	return readAll(ctx, r, "the statuses that wait for "+commit,
		"SELECT subject FROM waiting_statuses WHERE commit_key = ? ORDER BY at, id, subject", []any{commit}, scanText)
}

// TakeWaiting removes and returns the statuses that wait for a commit, and removes the commit's look-up.
func (t commitTx) TakeWaiting(commit string) ([]dora.WaitingStatus, error) {
	if err := t.checkLease(work{lookupQueue, commit}, true); err != nil {
		return nil, err
	}
	var waiting []dora.WaitingStatus
	err := t.query("SELECT subject, labels, at, id, checksum FROM waiting_statuses WHERE commit_key = ? ORDER BY at, id, subject", []any{commit},
		func(rows Rows) error {
			w := dora.WaitingStatus{Commit: commit}
			var labels string
			var at int64
			var sum int64
			if err := rows.Scan(&w.Subject, &labels, &at, &w.ID, &sum); err != nil {
				return err
			}
			if err := checkRow(t.writer.path, w.Subject, sum, commit, w.Subject, labels, at, w.ID); err != nil {
				return err
			}
			w.At = fromMillis(at)
			waiting = append(waiting, w)
			return json.Unmarshal([]byte(labels), &waiting[len(waiting)-1].Labels)
		})
	if err == nil {
		err = t.send("DELETE FROM waiting_statuses WHERE commit_key = ?", commit)
	}
	if err == nil {
		err = t.send("DELETE FROM lookups WHERE commit_key = ?", commit)
	}
	if err != nil {
		return nil, fmt.Errorf("take the statuses that wait for %s: %w", commit, err)
	}
	return waiting, nil
}
