package sqlstore

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"dora-exporter/dora"
)

// Reads of deployments, evidence and incidents for explanations.

// Deployments returns the deployments of a repository with a number, of any server.
func (r *Reader) Deployments(ctx context.Context, owner, repository string, number int64) ([]dora.DeploymentRecord, error) {
	return r.deployments(ctx, "WHERE number = ? AND "+inRepositoryNamed+" ORDER BY key", number, dora.RepositoryName(owner, repository))
}

// WithNumber returns the deployments with a number, of any repository.
func (r *Reader) WithNumber(ctx context.Context, number int64) ([]dora.DeploymentRecord, error) {
	return r.deployments(ctx, "WHERE number = ? ORDER BY key", number)
}

// Nearest returns at most limit deployments of a repository with the numbers nearest to number.
func (r *Reader) Nearest(ctx context.Context, owner, repository string, number int64, limit int) ([]dora.DeploymentRecord, error) {
	repositories, err := readAll(ctx, r, "the names of repositories", "SELECT repository FROM repository_names WHERE name = ?",
		[]any{dora.RepositoryName(owner, repository)}, scanText)
	if err != nil {
		return nil, err
	}
	var all []dora.DeploymentRecord
	for _, key := range repositories {
		for _, side := range []string{"number <= ? ORDER BY number DESC", "number > ? ORDER BY number"} {
			found, err := r.deployments(ctx, "WHERE repository = "+textID+" AND "+side+" LIMIT ?", key, number, limit)
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
	}
	slices.SortStableFunc(all, func(a, b dora.DeploymentRecord) int {
		return cmp.Or(cmp.Compare(distance(a.ID, number), distance(b.ID, number)), cmp.Compare(a.ID, b.ID))
	})
	return all[:min(len(all), limit)], nil
}

// distance returns the difference of two numbers.
func distance(a, b int64) uint64 {
	if a < b {
		return uint64(b) - uint64(a)
	}
	return uint64(a) - uint64(b)
}

// Deployment returns a deployment record by its key; false if it is unknown.
func (r *Reader) Deployment(ctx context.Context, key string) (dora.DeploymentRecord, bool, error) {
	return r.history(ctx).Deployment(key)
}

// Named returns all deployments that a reference of an incident names.
func (r *Reader) Named(ctx context.Context, ref dora.Reference) ([]dora.DeploymentRecord, error) {
	return r.history(ctx).Named(ref)
}

func (r *Reader) deployments(ctx context.Context, query string, args ...any) ([]dora.DeploymentRecord, error) {
	return r.history(ctx).deployments(query, args...)
}

// FailedChangeOf returns the failed change that a deployment is; false if it is none.
func (r *Reader) FailedChangeOf(ctx context.Context, deployment string) (dora.FailedChange, bool, error) {
	return firstRow(r.failedChanges(ctx, "WHERE target = ?", deployment))
}

// RepairedBy returns the failed changes that a deployment or incident repaired.
func (r *Reader) RepairedBy(ctx context.Context, key string) ([]dora.FailedChange, error) {
	return r.failedChanges(ctx, "WHERE repaired_by = ? AND repaired_at IS NOT NULL ORDER BY at, target", key)
}

func (r *Reader) failedChanges(ctx context.Context, query string, args ...any) ([]dora.FailedChange, error) {
	return readAll(ctx, r, "failed changes", selectFailedChanges+query, args,
		func(rows Rows) (dora.FailedChange, error) { return scanFailedChange(r.path, rows) })
}

// EvidenceAbout returns the evidence against a deployment.
func (r *Reader) EvidenceAbout(ctx context.Context, deployment string) ([]dora.Evidence, error) {
	return r.evidence(ctx, "WHERE target = ? ORDER BY at, cause, by", deployment)
}

// EvidenceIn returns the evidence that a deployment or incident gives.
func (r *Reader) EvidenceIn(ctx context.Context, key string) ([]dora.Evidence, error) {
	from, to := prefixRange(key + " ")
	return r.evidence(ctx, "WHERE by = ? OR by >= ? AND by < ? ORDER BY at, cause, by", key, from, to)
}

func (r *Reader) evidence(ctx context.Context, query string, args ...any) ([]dora.Evidence, error) {
	return readAll(ctx, r, "evidence", selectEvidence+query, args, func(rows Rows) (dora.Evidence, error) { return scanEvidence(r.path, rows) })
}

// EvaluationsOf returns the pending evaluations of deployments, incidents or scopes by their keys; Due, Ripe and FailingSince
// are times of day.
func (r *Reader) EvaluationsOf(ctx context.Context, keys ...string) ([]dora.Evaluation, error) {
	var all []dora.Evaluation
	offset, err := r.wallOffset(ctx)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		found, err := r.evaluations(ctx, "WHERE kind IN (?, ?, ?, ?, ?) AND key = ? ORDER BY kind",
			dora.DeploymentEvaluation, dora.OutcomeEvaluation, dora.IncidentEvaluation, dora.IssueEvaluation, dora.ScopeEvaluation, key)
		if err != nil {
			return nil, err
		}
		for _, s := range found {
			s.Due, s.Ripe, s.FailingSince = s.Due.Add(offset), s.Ripe.Add(offset), addUnlessZero(s.FailingSince, offset)
			all = append(all, s)
		}
	}
	return all, nil
}

func addUnlessZero(t time.Time, offset time.Duration) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(offset)
}

// LookupOf returns the pending look-up of a commit, without FailingCalls; false if there is none. Due and FailingSince are times of day.
func (r *Reader) LookupOf(ctx context.Context, commit string) (dora.Lookup, bool, error) {
	offset, err := r.wallOffset(ctx)
	if err != nil {
		return dora.Lookup{}, false, err
	}
	return firstRow(readAll(ctx, r, "look-ups", "SELECT details, repository, due, attempts, misses, failing_since, inaccessible FROM lookups WHERE commit_key = ?", []any{commit},
		func(rows Rows) (j dora.Lookup, err error) {
			var details []byte
			var due, failing int64
			if err := rows.Scan(&details, &j.Repository, &due, &j.Attempts, &j.Misses, &failing, &j.Inaccessible); err != nil {
				return j, err
			}
			j.Due, j.FailingSince = fromMillis(due).Add(offset), addUnlessZero(fromMillis(failing), offset)
			return j, json.Unmarshal(details, &j.Commit)
		}))
}

// IncidentsNamed returns the incidents of a name, such as INC-7, of any server.
func (r *Reader) IncidentsNamed(ctx context.Context, name string) ([]dora.Incident, error) {
	return r.incidents(ctx, "WHERE name = ? ORDER BY key", name)
}

// IncidentNames returns at most limit names of incidents with a prefix, such as INC-.
func (r *Reader) IncidentNames(ctx context.Context, beginning string, limit int) ([]string, error) {
	from, to := prefixRange(beginning)
	return readAll(ctx, r, "incidents", "SELECT name FROM incidents WHERE name >= ? AND name < ? GROUP BY name ORDER BY length(name) DESC, name DESC LIMIT ?",
		[]any{from, to, limit}, scanText)
}

// Incident returns the record of an incident; false if there is none.
func (r *Reader) Incident(ctx context.Context, key string) (dora.Incident, bool, error) {
	return firstRow(r.incidents(ctx, "WHERE key = ?", key))
}

func (r *Reader) incidents(ctx context.Context, query string, args ...any) ([]dora.Incident, error) {
	return r.history(ctx).incidents(query, args...)
}

// WaitingBefore returns the first pending evaluation of the same scope that comes before s; its zero value if there is none.
func (r *Reader) WaitingBefore(ctx context.Context, s dora.Evaluation) (dora.Evaluation, error) {
	first, _, err := firstRow(r.evaluations(ctx, "WHERE kind = 'deployment' AND scope = ? AND (at, number) < (?, ?) ORDER BY at, number LIMIT 1",
		s.Scope, s.At.UnixMilli(), s.ID))
	return first, err
}

// scanIncident reads an incident and checks its checksum.
func scanIncident(path string, rows Rows) (i dora.Incident, err error) {
	var key, state string
	var sum int64
	if err := rows.Scan(&key, &state, &sum); err != nil {
		return i, err
	}
	if err := checkRow(path, "incident "+key, sum, key, state); err != nil {
		return i, err
	}
	if err := json.Unmarshal([]byte(state), &i); err != nil {
		return i, &CorruptError{Path: path, What: "incident " + key + " can't be read", Err: err}
	}
	return i, nil
}
