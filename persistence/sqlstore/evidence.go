package sqlstore

import (
	"database/sql"
	"fmt"
	"time"

	"dora-exporter/dora"
)

const evidenceColumns = "cause, by, target, scope, at, detail, late"

// evidenceRow returns the columns of a piece of evidence.
func evidenceRow(e dora.Evidence) []any {
	return []any{string(e.Cause), e.By, e.Target, e.Scope, e.At.UnixMilli(), e.Detail, e.Late}
}

const selectEvidence = "SELECT " + evidenceColumns + ", checksum FROM evidence "

// scanEvidence reads a piece of evidence and checks its checksum.
func scanEvidence(path string, rows Rows) (e dora.Evidence, err error) {
	var at, sum int64
	if err := rows.Scan(&e.Cause, &e.By, &e.Target, &e.Scope, &at, &e.Detail, &e.Late, &sum); err != nil {
		return e, err
	}
	e.At = fromMillis(at)
	return e, checkRow(path, "evidence against "+e.Target, sum, evidenceRow(e)...)
}

// Add stores a piece of evidence unless it exists.
func (t evidenceTx) Add(e dora.Evidence) error {
	t.decided.remove(e.Scope)
	err := t.send("INSERT INTO evidence ("+evidenceColumns+`, checksum, decided) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,
		(SELECT count(*) FROM failed_changes WHERE target = ?3)) ON CONFLICT DO NOTHING`, withChecksum(evidenceRow(e)...)...)
	if err != nil {
		return fmt.Errorf("store the evidence against %s: %w", e.Target, err)
	}
	return nil
}

// Remove removes a piece of evidence.
func (t evidenceTx) Remove(c dora.Cause, by string) error {
	if err := t.send("DELETE FROM evidence WHERE cause = ? AND by = ?", c, by); err != nil {
		return fmt.Errorf("remove evidence of %s: %w", by, err)
	}
	return nil
}

// UndecidedSince returns the time of the earliest evidence of a scope about a deployment that is not recorded as a failed change.
func (t evidenceTx) UndecidedSince(scope string) (time.Time, bool, error) {
	return firstRow(unlessNone(t.decided, scope, func() ([]time.Time, error) {
		const query = "SELECT at FROM evidence WHERE scope = ? AND decided = 0 ORDER BY at LIMIT 1"
		return readAllIn(t.tx, "evidence", query, []any{scope}, scanTime)
	}))
}

// Undecided returns the evidence of a scope before a time about deployments that are not recorded as failed changes.
func (t evidenceTx) Undecided(scope string, before time.Time) ([]dora.Evidence, error) {
	return t.evidence("WHERE scope = ? AND decided = 0 AND at < ?", scope, before.UnixMilli())
}

// By returns the evidence of a cause that an incident or deployment is; false if there is none.
func (t evidenceTx) By(c dora.Cause, by string) (dora.Evidence, bool, error) {
	return firstRow(t.evidence("WHERE cause = ? AND by = ?", c, by))
}

func (t *tx) evidence(query string, args ...any) ([]dora.Evidence, error) {
	return readAllIn(t, "evidence", selectEvidence+query, args, func(rows Rows) (dora.Evidence, error) { return scanEvidence(t.writer.path, rows) })
}

const failedChangeColumns = "scope, cause, by, at, detail, late, repaired_by, repaired_at"

var saveFailedChange = upsert("failed_changes", "target", failedChangeColumns+", checksum")

// failedChangeRow returns the columns of a failed change, with its target before the others.
func failedChangeRow(m dora.FailedChange) []any {
	repaired := sql.NullInt64{}
	if !m.RepairedAt.IsZero() {
		repaired = sql.NullInt64{Int64: m.RepairedAt.UnixMilli(), Valid: true}
	}
	return []any{m.Target, m.Scope, string(m.Cause), m.By, m.At.UnixMilli(), m.Detail, m.Late, m.RepairedBy, repaired}
}

// SaveFailedChange stores or replaces a failed change.
func (t evidenceTx) SaveFailedChange(m dora.FailedChange) error {
	t.repaired.remove(m.Scope)
	err := t.send(saveFailedChange, withChecksum(failedChangeRow(m)...)...)
	if err == nil {
		err = t.send("UPDATE evidence SET decided = 1 WHERE target = ? AND decided = 0", m.Target)
	}
	if err != nil {
		return fmt.Errorf("store the failed change %s: %w", m.Target, err)
	}
	return nil
}

// Unrepaired returns the failed changes of a scope that are not repaired.
func (t evidenceTx) Unrepaired(scope string) ([]dora.FailedChange, error) {
	return unlessNone(t.repaired, scope, func() ([]dora.FailedChange, error) {
		return readAllIn(t.tx, "the failed changes of "+scope, selectFailedChanges+"WHERE scope = ? AND repaired_at IS NULL", []any{scope},
			func(rows Rows) (dora.FailedChange, error) { return scanFailedChange(t.writer.path, rows) })
	})
}

// unlessNone reads rows of a scope unless it is cached that there are none, as in most scopes.
func unlessNone[T any](none *rowCache[string, bool], scope string, read func() ([]T, error)) ([]T, error) {
	if _, ok := none.get(scope); ok {
		return nil, nil
	}
	all, err := read()
	if err == nil && len(all) == 0 {
		none.add(scope, true)
	}
	return all, err
}

const selectFailedChanges = "SELECT target, " + failedChangeColumns + ", checksum FROM failed_changes "

// scanFailedChange reads a failed change and checks its checksum.
func scanFailedChange(path string, rows Rows) (m dora.FailedChange, err error) {
	var at, sum int64
	var repaired sql.NullInt64
	if err := rows.Scan(&m.Target, &m.Scope, &m.Cause, &m.By, &at, &m.Detail, &m.Late, &m.RepairedBy, &repaired, &sum); err != nil {
		return m, err
	}
	m.At = fromMillis(at)
	if repaired.Valid {
		m.RepairedAt = fromMillis(repaired.Int64)
	}
	return m, checkRow(path, "failed change "+m.Target, sum, failedChangeRow(m)...)
}
