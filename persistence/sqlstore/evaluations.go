package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dora-exporter/dora"
)

// CountEvaluations returns the number of pending evaluations.
func (r *Reader) CountEvaluations(ctx context.Context) (int, error) {
	var n int
	if err := r.queryRow(ctx, "SELECT count(*) FROM evaluations", &n); err != nil {
		return 0, fmt.Errorf("count the pending evaluations: %w", err)
	}
	return n, nil
}

const evaluationColumns = "kind, key, scope, at, number, due, ripe, attempts, misses, failing_since, failing_calls, inaccessible, repository, checksum"

// evaluationRow returns the columns of an evaluation that its checksum covers.
func evaluationRow(s dora.Evaluation) []any {
	return []any{s.Key, s.Kind, int64(s.Attempts), int64(s.Misses), s.FailingSince.UnixMilli(), encodeFailingCalls(s.FailingCalls), s.Inaccessible}
}

// scanEvaluation reads an evaluation and the columns behind it, and checks its checksum. If the error is a *CorruptError, the evaluation has its
// kind, key and scope nevertheless.
func scanEvaluation(path string, rows Rows, more ...any) (dora.Evaluation, error) {
	var s dora.Evaluation
	var at, due, ripe, failing, sum int64
	var calls, repository string
	columns := []any{&s.Kind, &s.Key, &s.Scope, &at, &s.ID, &due, &ripe, &s.Attempts, &s.Misses, &failing, &calls, &s.Inaccessible, &repository, &sum}
	if err := rows.Scan(append(columns, more...)...); err != nil {
		return s, err
	}
	s.At, s.Due, s.Ripe, s.FailingSince = fromMillis(at), fromMillis(due), fromMillis(ripe), fromMillis(failing)
	name := "the evaluation of " + s.Kind + " " + s.Key
	if err := checkRow(path, name, sum, s.Key, s.Kind, int64(s.Attempts), int64(s.Misses), failing, calls, s.Inaccessible); err != nil {
		return s, err
	}
	if repository != dora.RepositoryOf(s.Scope) {
		return s, &CorruptError{Path: path, What: name + " has another repository than its scope"}
	}
	var err error
	if s.FailingCalls, err = decodeFailingCalls(calls); err != nil {
		return s, &CorruptError{Path: path, What: name + " can't be read", Err: err}
	}
	return s, nil
}

// settled is true for the evaluations that were due at ?1, and when the first delivery arrived that is pending for any reason but a missing team,
// if there is one: those behind it arrived at the same time or later, but for seconds. Nobody has tried to process it, or it failed, as with a full
// disk. Deliveries have times of day, evaluations readings of the store's clock.
const settled = `due <= (SELECT min(arrived) FROM (SELECT ?1 AS arrived
	UNION ALL SELECT received - coalesce((SELECT wall - reading FROM clock), 0) FROM (SELECT received
		FROM deliveries INDEXED BY deliveries_due WHERE state = 0 AND due <= 0 ORDER BY due, id LIMIT 1) AS untried
	UNION ALL SELECT min(received) - coalesce((SELECT wall - reading FROM clock), 0)
		FROM deliveries INDEXED BY deliveries_failed WHERE state = 0 AND error <> '') AS oldest)`

const (
	dueDeployments = "INDEXED BY evaluations_first WHERE first = 1 AND " + settled + " ORDER BY due LIMIT (SELECT ?2 + 0)"
	dueOthers      = "INDEXED BY evaluations_due WHERE kind <> 'deployment' AND " + settled + " ORDER BY due LIMIT (SELECT ?2 + 0)"
)

// dueComparisons returns the evaluations of deployments that are due and settled, the longest due first, and why those that can't be decoded
// can't be, by their keys (evaluationKey): at most limit of both, only the first of each scope, and none of a scope whose first is not due yet.
func (r *Reader) dueComparisons(ctx context.Context, now time.Time, limit int) (all []dora.Evaluation, unreadable map[string]error, err error) {
	return r.readableEvaluations(ctx, dueDeployments, now.UnixMilli(), limit)
}

// dueComparisonKeys returns the keys (evaluationKey) of what dueComparisons returns.
func (r *Reader) dueComparisonKeys(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return readAll(ctx, r, "pending evaluations", "SELECT key, scope FROM evaluations "+dueDeployments, []any{now.UnixMilli(), limit}, func(rows Rows) (string, error) {
		s := dora.Evaluation{Kind: dora.DeploymentEvaluation}
		err := rows.Scan(&s.Key, &s.Scope)
		return evaluationKey(s), err
	})
}

// comparisons returns the evaluations of deployments with some keys (evaluationKey), in any order, and why those that can't be decoded can't be.
func (r *Reader) comparisons(ctx context.Context, keys []string) (all []dora.Evaluation, unreadable map[string]error, err error) {
	deployments := make([]string, len(keys))
	for i, key := range keys {
		deployments[i] = deploymentOf(key)
	}
	return readInChunks(deployments, func(list string, args []any) ([]dora.Evaluation, map[string]error, error) {
		return r.readableEvaluations(ctx, "WHERE kind = 'deployment' AND key IN "+list, args...)
	})
}

// dueEvaluations returns the other evaluations that are due and settled, the longest due first, and why those that can't be decoded can't be, by
// their keys: at most limit of both.
func (r *Reader) dueEvaluations(ctx context.Context, now time.Time, limit int) (all []dora.Evaluation, unreadable map[string]error, err error) {
	return r.readableEvaluations(ctx, dueOthers, now.UnixMilli(), limit)
}

// readableEvaluations returns the evaluations of a query, and why those that can't be decoded can't be, by their keys (evaluationKey).
func (r *Reader) readableEvaluations(ctx context.Context, query string, args ...any) (all []dora.Evaluation, unreadable map[string]error, err error) {
	unreadable = map[string]error{}
	err = r.query(ctx, "SELECT "+evaluationColumns+" FROM evaluations "+query, args, func(rows Rows) error {
		s, err := scanEvaluation(r.path, rows)
		switch corrupt := (*CorruptError)(nil); {
		case errors.As(err, &corrupt):
			unreadable[evaluationKey(s)] = err
		case err != nil:
			return err
		default:
			all = append(all, s)
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read pending evaluations: %w", err)
	}
	return all, unreadable, nil
}

// postponeEvaluation makes the evaluation with a key (evaluationKey) due at a time.
func (s *Store) postponeEvaluation(key string, due time.Time) func(*tx) error {
	return func(t *tx) error {
		t.firsts.clear()
		t.untried.clear()
		kind, of := splitEvaluationKey(key)
		return t.send("UPDATE evaluations SET due = ? WHERE kind = ? AND key = ?", due.UnixMilli(), kind, of)
	}
}

func (r *Reader) evaluations(ctx context.Context, query string, args ...any) ([]dora.Evaluation, error) {
	return readAll(ctx, r, "pending evaluations", "SELECT "+evaluationColumns+" FROM evaluations "+query, args, func(rows Rows) (dora.Evaluation, error) {
		return scanEvaluation(r.path, rows)
	})
}

// Add stores an evaluation. If it exists already, it becomes due when both are due, and keeps the earlier of the two times, by which
// evaluations of a scope are ordered.
func (t evaluationTx) Add(s dora.Evaluation) error {
	err := t.send("INSERT INTO evaluations ("+evaluationColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (kind, key) DO UPDATE SET at = CASE WHEN evaluations.at < excluded.at THEN evaluations.at ELSE excluded.at END,
			due = CASE WHEN evaluations.due > excluded.due THEN evaluations.due ELSE excluded.due END,
			ripe = CASE WHEN evaluations.ripe > excluded.ripe THEN evaluations.ripe ELSE excluded.ripe END`,
		s.Kind, s.Key, s.Scope, s.At.UnixMilli(), s.ID, s.Due.UnixMilli(), s.Ripe.UnixMilli(), s.Attempts, s.Misses,
		s.FailingSince.UnixMilli(), encodeFailingCalls(s.FailingCalls), s.Inaccessible, dora.RepositoryOf(s.Scope), checksum(evaluationRow(s)...))
	if err == nil && s.Kind == dora.DeploymentEvaluation {
		if first, known := t.firsts.get(s.Scope); !known || !first.precedes(s) {
			t.forgetFirst(s.Scope)
		}
		err = t.setEvaluated(s, false)
	}
	if err != nil {
		return fmt.Errorf("store the evaluation of %s %s: %w", s.Kind, s.Key, err)
	}
	return nil
}

// Retry sets when an evaluation is due again, its attempts and misses, and since when it fails.
func (t evaluationTx) Retry(s dora.Evaluation) error {
	if err := t.checkLease(evaluationWork(s), false); err != nil {
		return err
	}
	if err := t.forgetIfFirst(s); err != nil {
		return err
	}
	n, err := t.exec(`UPDATE evaluations SET due = ?, attempts = ?, misses = ?, failing_since = ?, failing_calls = ?, inaccessible = ?, checksum = ?
		WHERE kind = ? AND key = ?`, s.Due.UnixMilli(), s.Attempts, s.Misses, s.FailingSince.UnixMilli(), encodeFailingCalls(s.FailingCalls),
		s.Inaccessible, checksum(evaluationRow(s)...), s.Kind, s.Key)
	if err != nil {
		return fmt.Errorf("postpone the evaluation of %s %s: %w", s.Kind, s.Key, err)
	}
	if n == 0 {
		return t.Add(s)
	}
	return nil
}

// Hasten makes an evaluation due earlier.
func (t evaluationTx) Hasten(s dora.Evaluation) error {
	due := s.Due.UnixMilli()
	if err := t.forgetIfFirst(s); err != nil {
		return err
	}
	if err := t.send("UPDATE evaluations SET due = ? WHERE kind = ? AND key = ? AND due > ?", due, s.Kind, s.Key, due); err != nil {
		return fmt.Errorf("hasten the evaluation of %s %s: %w", s.Kind, s.Key, err)
	}
	return nil
}

// Done removes an evaluation that has been made, unless it has another scope now.
func (t evaluationTx) Done(s dora.Evaluation) error {
	if err := t.checkLease(evaluationWork(s), true); err != nil {
		return err
	}
	err := t.send("DELETE FROM evaluations WHERE kind = ? AND key = ? AND scope = ?", s.Kind, s.Key, s.Scope)
	if err == nil && s.Kind == dora.DeploymentEvaluation {
		err = t.setDone(s)
	}
	if err != nil {
		return fmt.Errorf("remove the evaluation of %s %s: %w", s.Kind, s.Key, err)
	}
	return nil
}

// setDone records that a deployment has been evaluated, unless its evaluation has another scope now and is still pending there.
func (t *tx) setDone(s dora.Evaluation) error {
	if first, known := t.firsts.get(s.Scope); !known || first.Key != s.Key {
		pending, err := t.exists("SELECT 1 FROM evaluations WHERE kind = ? AND key = ?", s.Kind, s.Key)
		if err != nil || pending {
			return err
		}
	}
	t.forgetFirst(s.Scope)
	return t.setEvaluated(s, true)
}

// setEvaluated records whether a deployment has been evaluated, and which deployment of its scope is to be evaluated first now.
func (t *tx) setEvaluated(s dora.Evaluation, evaluated bool) error {
	d, err := t.stored(s.Key)
	if err == nil && d.id != 0 && d.evaluated != evaluated {
		err = t.send("UPDATE deployments SET evaluated = ? WHERE id = ?", evaluated, d.id)
		d.evaluated = evaluated
		t.deployments.set(s.Key, d)
	}
	if err != nil {
		return err
	}
	return t.setFirst(s.Scope)
}

// OutcomeWaits reports whether the evaluation of an outcome of a scope at or before a time is pending.
func (t evaluationTx) OutcomeWaits(scope string, upTo time.Time) (bool, error) {
	all, err := t.evaluations("WHERE kind = 'outcome' AND scope = ? AND at <= ? LIMIT 1", scope, upTo.UnixMilli())
	return len(all) > 0, err
}

// IncidentWaits reports whether an evaluation of an incident is pending.
func (t evaluationTx) IncidentWaits(key string) (bool, error) {
	all, err := t.evaluations("WHERE kind IN ('incident', 'issue') AND key = ?", key)
	return len(all) > 0, err
}

// WaitingIncidents returns the pending evaluations of incidents that were created at or before a time, by Ripe, the latest first.
func (t evaluationTx) WaitingIncidents(upTo time.Time) ([]dora.Evaluation, error) {
	return t.evaluations("WHERE kind = 'incident' AND scope = '' AND at <= ? ORDER BY ripe DESC", upTo.UnixMilli())
}

func (t *tx) evaluations(query string, args ...any) ([]dora.Evaluation, error) {
	return readAllIn(t, "pending evaluations", "SELECT "+evaluationColumns+" FROM evaluations "+query, args, func(rows Rows) (dora.Evaluation, error) {
		return scanEvaluation(t.writer.path, rows)
	})
}

// RepositoryWaits reports whether the evaluation of a success of a repository before a time is pending, of any repository if it is "":
// whether one is in a scope whose first evaluation is not failing, and whether one is in another scope. In each scope, the first
// evaluation is the earliest.
func (t evaluationTx) RepositoryWaits(repository string, before time.Time) (waits, failing bool, err error) {
	of, args := "", []any{before.UnixMilli(), time.Time{}.UnixMilli()}
	if repository != "" {
		of, args = "repository = ?3 AND ", append(args, repository)
	}
	pending := "EXISTS (SELECT 1 FROM evaluations WHERE first = 1 AND " + of + "at < ?1 AND "
	_, err = t.queryRow("SELECT "+pending+"failing_since = ?2 AND misses = 0), "+pending+"(failing_since <> ?2 OR misses > 0))", args, &waits, &failing)
	if err != nil {
		return false, false, fmt.Errorf("read pending evaluations of %s: %w", repository, err)
	}
	return waits, failing, nil
}
