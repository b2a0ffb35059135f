package sqlstore

import (
	"context"
	"fmt"
	"slices"
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

const evaluationColumns = "kind, key, scope, at, number, due, ripe, attempts, misses, failing_since, failing_calls, inaccessible"

func scanEvaluation(rows Rows) (dora.Evaluation, error) { return scanEvaluationAnd(rows) }

// scanEvaluationAnd reads an evaluation and the columns behind it.
func scanEvaluationAnd(rows Rows, more ...any) (dora.Evaluation, error) {
	var s dora.Evaluation
	var at, due, ripe, failing int64
	var calls string
	columns := []any{&s.Kind, &s.Key, &s.Scope, &at, &s.ID, &due, &ripe, &s.Attempts, &s.Misses, &failing, &calls, &s.Inaccessible}
	err := rows.Scan(append(columns, more...)...)
	if err == nil {
		s.FailingCalls, err = decodeFailingCalls(calls)
	}
	s.At, s.Due, s.Ripe, s.FailingSince = fromMillis(at), fromMillis(due), fromMillis(ripe), fromMillis(failing)
	return s, err
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

// DueComparisons returns at most limit evaluations of deployments that are due and settled, the longest due first: only the first of each
// scope, and none of a scope whose first is not due yet.
func (r *Reader) DueComparisons(ctx context.Context, now time.Time, limit int) ([]dora.Evaluation, error) {
	return r.evaluations(ctx, dueDeployments, now.UnixMilli(), limit)
}

// dueComparisonKeys returns the keys (evaluationKey) of what DueComparisons returns.
func (r *Reader) dueComparisonKeys(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return readAll(ctx, r, "pending evaluations", "SELECT key, scope FROM evaluations "+dueDeployments, []any{now.UnixMilli(), limit}, func(rows Rows) (string, error) {
		s := dora.Evaluation{Kind: dora.DeploymentEvaluation}
		err := rows.Scan(&s.Key, &s.Scope)
		return evaluationKey(s), err
	})
}

// comparisons returns the evaluations of deployments with some keys (evaluationKey), in any order.
func (r *Reader) comparisons(ctx context.Context, keys []string) (all []dora.Evaluation, unreadable map[string]error, err error) {
	for chunk := range slices.Chunk(keys, maxQueryValues) {
		deployments := make([]string, len(chunk))
		for i, key := range chunk {
			deployments[i] = deploymentOf(key)
		}
		list, args := listOf(deployments)
		found, err := r.evaluations(ctx, "WHERE kind = 'deployment' AND key IN "+list, args...)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, found...)
	}
	return all, nil, nil
}

// DueEvaluations returns at most limit other evaluations that are due and settled, the longest due first.
func (r *Reader) DueEvaluations(ctx context.Context, now time.Time, limit int) ([]dora.Evaluation, error) {
	return r.evaluations(ctx, dueOthers, now.UnixMilli(), limit)
}

func (r *Reader) evaluations(ctx context.Context, query string, args ...any) ([]dora.Evaluation, error) {
	return readAll(ctx, r, "pending evaluations", "SELECT "+evaluationColumns+" FROM evaluations "+query, args, scanEvaluation)
}

// Add stores an evaluation. If it exists already, it becomes due when both are due, and keeps the earlier of the two times, by which
// evaluations of a scope are ordered.
func (t evaluationTx) Add(s dora.Evaluation) error {
	err := t.send("INSERT INTO evaluations ("+evaluationColumns+`, repository) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (kind, key) DO UPDATE SET at = CASE WHEN evaluations.at < excluded.at THEN evaluations.at ELSE excluded.at END,
			due = CASE WHEN evaluations.due > excluded.due THEN evaluations.due ELSE excluded.due END,
			ripe = CASE WHEN evaluations.ripe > excluded.ripe THEN evaluations.ripe ELSE excluded.ripe END`,
		s.Kind, s.Key, s.Scope, s.At.UnixMilli(), s.ID, s.Due.UnixMilli(), s.Ripe.UnixMilli(), s.Attempts, s.Misses,
		s.FailingSince.UnixMilli(), encodeFailingCalls(s.FailingCalls), s.Inaccessible, dora.RepositoryOf(s.Scope))
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
	n, err := t.exec(`UPDATE evaluations SET due = ?, attempts = ?, misses = ?, failing_since = ?, failing_calls = ?, inaccessible = ?
		WHERE kind = ? AND key = ?`,
		s.Due.UnixMilli(), s.Attempts, s.Misses, s.FailingSince.UnixMilli(), encodeFailingCalls(s.FailingCalls), s.Inaccessible, s.Kind, s.Key)
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
	return readAllIn(t, "pending evaluations", "SELECT "+evaluationColumns+" FROM evaluations "+query, args, scanEvaluation)
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
