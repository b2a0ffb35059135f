package persistence

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"dora-exporter/dora"
)

// Unsettled is how many things are still to be settled.
func (r *Reader) Unsettled(ctx context.Context) (int, error) {
	var n int
	if err := r.queryRow(ctx, "SELECT count(*) FROM settling", nil, &n); err != nil {
		return 0, fmt.Errorf("count what is to be settled: %w", err)
	}
	return n, nil
}

const settlingColumns = "kind, key, scope, at, number, due, ripe, attempts, misses"

func scanSettling(rows *sql.Rows) (dora.Settling, error) {
	var s dora.Settling
	var at, due, ripe int64
	err := rows.Scan(&s.Kind, &s.Key, &s.Scope, &at, &s.ID, &due, &ripe, &s.Attempts, &s.Misses)
	s.At, s.Due, s.Ripe = fromMillis(at), fromMillis(due), fromMillis(ripe)
	return s, err
}

// DueDeployments returns at most limit deployments that are due to be settled, the longest due first: of each scope the first
// one alone, and none that comes after one that is not due yet.
func (s *Store) DueDeployments(ctx context.Context, now time.Time, limit int) ([]dora.Settling, error) {
	return s.settling(ctx, `WHERE kind = 'deployment' AND (due <= ? OR due > ?) AND NOT EXISTS (
		SELECT 1 FROM settling e WHERE e.scope = s.scope AND e.kind = 'deployment' AND (e.at, e.number) < (s.at, s.number))
		ORDER BY due LIMIT ?`, now.UnixMilli(), now.Add(longestWait).UnixMilli(), limit)
}

// DueSettling returns at most limit other things that are due to be settled, the longest due first.
func (s *Store) DueSettling(ctx context.Context, now time.Time, limit int) ([]dora.Settling, error) {
	return s.settling(ctx, `WHERE kind IN ('outcome', 'incident', 'scope') AND (due <= ? OR due > ?) ORDER BY due LIMIT ?`,
		now.UnixMilli(), now.Add(longestWait).UnixMilli(), limit)
}

func (r *Reader) settling(ctx context.Context, query string, args ...any) ([]dora.Settling, error) {
	var all []dora.Settling
	err := r.query(ctx, "SELECT "+settlingColumns+" FROM settling s "+query, args, func(rows *sql.Rows) error {
		one, err := scanSettling(rows)
		all = append(all, one)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read what is to be settled: %w", err)
	}
	return all, nil
}

// AddSettling stores what is to be looked at. When it is there already, it is looked at when both are due, and holds up
// what comes after the earlier of the two.
func (t *tx) AddSettling(s dora.Settling) error {
	return t.saveSettling(s, `ON CONFLICT DO UPDATE SET at = min(at, excluded.at), due = max(due, excluded.due), ripe = max(ripe, excluded.ripe)`)
}

// SaveSettling replaces what is to be looked at.
func (t *tx) SaveSettling(s dora.Settling) error {
	return t.saveSettling(s, `ON CONFLICT DO UPDATE SET due = excluded.due, attempts = excluded.attempts, misses = excluded.misses`)
}

func (t *tx) saveSettling(s dora.Settling, conflict string) error {
	_, err := t.exec("INSERT INTO settling ("+settlingColumns+", repository) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "+conflict,
		s.Kind, s.Key, s.Scope, s.At.UnixMilli(), s.ID, s.Due.UnixMilli(), s.Ripe.UnixMilli(), s.Attempts, s.Misses, dora.RepositoryOf(s.Scope))
	if err != nil {
		return fmt.Errorf("have %s %s settled: %w", s.Kind, s.Key, err)
	}
	return nil
}

// Settled removes what has been looked at.
func (t *tx) Settled(s dora.Settling) error {
	if _, err := t.exec("DELETE FROM settling WHERE kind = ? AND key = ?", s.Kind, s.Key); err != nil {
		return fmt.Errorf("note that %s %s is settled: %w", s.Kind, s.Key, err)
	}
	return nil
}

// Unsettled are the things that are still to be looked at whose events are not after a time: those of a scope, and all
// incidents.
func (t *tx) Unsettled(scope string, upTo time.Time) ([]dora.Settling, error) {
	var all []dora.Settling
	err := t.query("SELECT "+settlingColumns+" FROM settling WHERE scope IN (?, '') AND at <= ?", []any{scope, upTo.UnixMilli()},
		func(rows *sql.Rows) error {
			one, err := scanSettling(rows)
			all = append(all, one)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("read what is to be settled of %s: %w", scope, err)
	}
	return all, nil
}

// HasUnsettledOf says whether a success of a repository, or of any with "", before a time is still to be settled.
func (t *tx) HasUnsettledOf(repository string, before time.Time) (bool, error) {
	var one int
	known, err := t.queryRow("SELECT 1 FROM settling WHERE kind = 'deployment' AND ? IN ('', repository) AND at < ? LIMIT 1",
		[]any{repository, before.UnixMilli()}, &one)
	if err != nil {
		return false, fmt.Errorf("read what is to be settled of %s: %w", repository, err)
	}
	return known, nil
}
