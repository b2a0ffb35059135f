package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"dora-exporter/dora"
)

const factColumns = "position, family, subject, labels, value, at, id, checksum"

// Facts returns at most limit facts after a position, in their order. A fact that does not match its checksum and a missing
// position are a *CorruptError, one that was removed a *dora.RemovedError.
func (r *Reader) Facts(ctx context.Context, after int64, limit int) ([]dora.Fact, error) {
	var facts []dora.Fact
	var missing int64
	err := r.query(ctx, "SELECT "+factColumns+" FROM facts WHERE position > ? ORDER BY position LIMIT ?", []any{after, limit},
		func(rows *sql.Rows) error {
			f, _, err := scanFact(r.path, rows)
			if err != nil {
				return err
			}
			if expected := after + int64(len(facts)) + 1; f.Position != expected {
				missing = expected
				return missingFact(r.path, expected)
			}
			facts = append(facts, f)
			return nil
		})
	if missing > 0 {
		err = r.removedOr(ctx, missing, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read the facts after position %d: %w", after, err)
	}
	return facts, nil
}

func missingFact(path string, position int64) error {
	return &CorruptError{Path: path, What: fmt.Sprintf("fact %d is missing", position)}
}

// removedOr returns a *dora.RemovedError if a fact that is missing was removed, else the error.
func (r *Reader) removedOr(ctx context.Context, missing int64, err error) error {
	removal, readErr := r.Removal(ctx)
	if readErr != nil || removal.Position < missing {
		return errors.Join(err, readErr)
	}
	return &dora.RemovedError{Position: removal.Position}
}

// LastPosition returns the position of the newest fact, 0 if there is none.
func (r *Reader) LastPosition(ctx context.Context) (int64, error) {
	var last int64
	if err := r.queryRow(ctx, "SELECT coalesce(max(position), 0) FROM facts", &last); err != nil {
		return 0, fmt.Errorf("read the last position: %w", err)
	}
	return last, nil
}

// Empty reports whether there are no facts.
func (r *Reader) Empty(ctx context.Context) (bool, error) {
	last, err := r.LastPosition(ctx)
	return last == 0, err
}

// Add stores a fact at the next position; false if a fact with its family and subject exists.
func (t factTx) Add(f dora.Fact) (bool, error) {
	labels, err := json.Marshal(f.Labels)
	if err != nil {
		return false, fmt.Errorf("add a fact about %s: %w", f.Subject, err)
	}
	if !t.lastPositionRead {
		if _, err := t.queryRow("SELECT coalesce(max(position), 0) FROM facts", nil, &t.lastPosition); err != nil {
			return false, fmt.Errorf("read the last position: %w", err)
		}
		t.lastPositionRead = true
	}
	if removed, err := t.wasRemoved(f.Family, f.Subject); err != nil || removed {
		return false, err
	}
	f.Position = t.lastPosition + 1
	added, err := t.exec("INSERT INTO facts ("+factColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (family, subject) DO NOTHING`, f.Position, f.Family, f.Subject, string(labels), f.Value,
		f.At.UnixMilli(), f.ID, factSum(f, string(labels)))
	if err != nil {
		return false, fmt.Errorf("add a fact about %s: %w", f.Subject, err)
	}
	t.lastPosition += added
	if added == 0 {
		return false, nil
	}
	return true, t.beginSeries(f.Family, string(labels), f.Position, time.Now())
}

// Has reports whether a fact with a family and subject exists.
func (t factTx) Has(family, subject string) (bool, error) {
	var exists int
	known, err := t.queryRow("SELECT 1 FROM facts WHERE family = ? AND subject = ?", []any{family, subject}, &exists)
	if err != nil {
		return false, fmt.Errorf("look for a fact about %s: %w", subject, err)
	}
	if known {
		return true, nil
	}
	return t.wasRemoved(family, subject)
}

// scanFact reads a fact and checks its checksum. labels are its labels as stored.
func scanFact(path string, rows *sql.Rows) (f dora.Fact, labels string, err error) {
	var at, sum int64
	if err := rows.Scan(&f.Position, &f.Family, &f.Subject, &labels, &f.Value, &at, &f.ID, &sum); err != nil {
		return f, "", err
	}
	f.At = fromMillis(at)
	if sum != factSum(f, labels) {
		return f, "", &CorruptError{Path: path, What: fmt.Sprintf("fact %d does not match its checksum", f.Position)}
	}
	if err := json.Unmarshal([]byte(labels), &f.Labels); err != nil {
		return f, "", &CorruptError{Path: path, What: fmt.Sprintf("fact %d has no readable labels", f.Position), Err: err}
	}
	return f, labels, nil
}

// factSum returns the checksum of a fact.
func factSum(f dora.Fact, labels string) int64 {
	return checksum(f.Position, f.Value, f.At.UnixMilli(), f.ID, f.Family, f.Subject, labels)
}
