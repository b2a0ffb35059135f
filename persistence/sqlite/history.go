package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"dora-exporter/dora"
)

// What a Reader answers of the history that the rules remember, for explanations.

// Deployments are those of a repository with a number, of any server.
func (r *Reader) Deployments(ctx context.Context, owner, repository string, number int64) ([]dora.DeploymentRecord, error) {
	name := dora.Deployment{Owner: owner, Repository: repository}.RepositoryName()
	return r.deployments(ctx, "WHERE number = ? AND repository = ? ORDER BY key", number, name)
}

// Nearest are at most limit deployments of a repository whose numbers are nearest to one.
func (r *Reader) Nearest(ctx context.Context, owner, repository string, number int64, limit int) ([]dora.DeploymentRecord, error) {
	name := dora.Deployment{Owner: owner, Repository: repository}.RepositoryName()
	return r.deployments(ctx, "WHERE repository = ? ORDER BY abs(number - ?), number LIMIT ?", name, number, limit)
}

// Deployment is the one with a key; false when it is not known.
func (r *Reader) Deployment(ctx context.Context, key string) (dora.DeploymentRecord, bool, error) {
	return first(r.deployments(ctx, "WHERE key = ?", key))
}

// Before is the newest success of a deployment's scope before its own.
func (r *Reader) Before(ctx context.Context, t dora.DeploymentRecord) (dora.DeploymentRecord, bool, error) {
	return first(r.deployments(ctx, "WHERE scope = ? AND success IS NOT NULL AND (success, number) < (?, ?) ORDER BY success DESC, number DESC LIMIT 1",
		t.Scope(), t.Succeeded().UnixMilli(), t.ID))
}

// Named are all deployments that a reference of an incident names.
func (r *Reader) Named(ctx context.Context, ref dora.Reference) ([]dora.DeploymentRecord, error) {
	return named(ref, func(query string, args ...any) ([]dora.DeploymentRecord, error) {
		return r.deployments(ctx, query, args...)
	})
}

func first[T any](all []T, err error) (T, bool, error) {
	if err != nil || len(all) == 0 {
		var none T
		return none, false, err
	}
	return all[0], true, nil
}

func (r *Reader) deployments(ctx context.Context, query string, args ...any) ([]dora.DeploymentRecord, error) {
	return read(ctx, r, "deployments", "SELECT "+deploymentColumns+" FROM deployments "+query, args, func(rows *sql.Rows) (dora.DeploymentRecord, error) {
		return scanDeployment(r.path, rows.Scan)
	})
}

// read returns the rows of a query.
func read[T any](ctx context.Context, r *Reader, what, query string, args []any, scan func(*sql.Rows) (T, error)) ([]T, error) {
	var all []T
	err := r.query(ctx, query, args, func(rows *sql.Rows) error {
		one, err := scan(rows)
		all = append(all, one)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	return all, nil
}

// FailedChangeOf is the mark of a deployment that turned out bad; false when it has none.
func (r *Reader) FailedChangeOf(ctx context.Context, deployment string) (dora.FailedChange, bool, error) {
	return first(r.failedChanges(ctx, "WHERE target = ?", deployment))
}

// RepairedBy are the marks of the deployments that a deployment or incident repaired.
func (r *Reader) RepairedBy(ctx context.Context, key string) ([]dora.FailedChange, error) {
	return r.failedChanges(ctx, "WHERE repaired_by = ? AND repaired_at IS NOT NULL ORDER BY at, target", key)
}

func (r *Reader) failedChanges(ctx context.Context, query string, args ...any) ([]dora.FailedChange, error) {
	return read(ctx, r, "marks", "SELECT "+evidenceColumns+", repaired_by, repaired_at FROM failed_changes "+query, args, scanFailedChange)
}

// EvidenceAbout is what was found against a deployment.
func (r *Reader) EvidenceAbout(ctx context.Context, deployment string) ([]dora.Evidence, error) {
	return r.evidence(ctx, "WHERE target = ? ORDER BY at, cause, by", deployment)
}

// EvidenceIn is what a deployment or incident shows about others, or a deployment about itself.
func (r *Reader) EvidenceIn(ctx context.Context, key string) ([]dora.Evidence, error) {
	from, to := prefixRange(key + " ")
	return r.evidence(ctx, "WHERE by = ? OR by >= ? AND by < ? ORDER BY at, cause, by", key, from, to)
}

func (r *Reader) evidence(ctx context.Context, query string, args ...any) ([]dora.Evidence, error) {
	return read(ctx, r, "evidence", "SELECT "+evidenceColumns+" FROM evidence "+query, args, func(rows *sql.Rows) (e dora.Evidence, err error) {
		err = scanEvidence(&e, rows)
		return e, err
	})
}

// EvaluationsOf is what is still to be looked at of deployments, incidents or scopes, by their keys; Due and Ripe are times of
// day.
func (r *Reader) EvaluationsOf(ctx context.Context, keys ...string) ([]dora.Evaluation, error) {
	var all []dora.Evaluation
	offset, err := r.wallOffset(ctx)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		found, err := r.evaluations(ctx, "WHERE key = ? ORDER BY kind", key)
		if err != nil {
			return nil, err
		}
		for _, s := range found {
			s.Due, s.Ripe = s.Due.Add(offset), s.Ripe.Add(offset)
			all = append(all, s)
		}
	}
	return all, nil
}

// LookupOf is the look-up of a commit that is still to be made; false when there is none. Due is a time of day.
func (r *Reader) LookupOf(ctx context.Context, commit string) (dora.Lookup, bool, error) {
	offset, err := r.wallOffset(ctx)
	if err != nil {
		return dora.Lookup{}, false, err
	}
	return first(read(ctx, r, "look-ups", "SELECT details, due, attempts, misses FROM lookups WHERE commit_key = ?", []any{commit},
		func(rows *sql.Rows) (j dora.Lookup, err error) {
			var details []byte
			var due int64
			if err := rows.Scan(&details, &due, &j.Attempts, &j.Misses); err != nil {
				return j, err
			}
			j.Due = fromMillis(due).Add(offset)
			return j, json.Unmarshal(details, &j.Commit)
		}))
}

// IncidentsNamed are the issues of a name, such as INC-7, of any server.
func (r *Reader) IncidentsNamed(ctx context.Context, name string) ([]dora.Incident, error) {
	return r.incidents(ctx, "WHERE name = ? ORDER BY key", name)
}

// IncidentNames are at most limit names of issues that begin alike, such as INC-.
func (r *Reader) IncidentNames(ctx context.Context, beginning string, limit int) ([]string, error) {
	from, to := prefixRange(beginning)
	return read(ctx, r, "incidents", "SELECT DISTINCT name FROM incidents WHERE name >= ? AND name < ? ORDER BY length(name) DESC, name DESC LIMIT ?",
		[]any{from, to, limit}, func(rows *sql.Rows) (name string, err error) {
			err = rows.Scan(&name)
			return name, err
		})
}

// Incident returns what is remembered of an issue; false when nothing is.
func (r *Reader) Incident(ctx context.Context, key string) (dora.Incident, bool, error) {
	return first(r.incidents(ctx, "WHERE key = ?", key))
}

func (r *Reader) incidents(ctx context.Context, query string, args ...any) ([]dora.Incident, error) {
	return read(ctx, r, "incidents", "SELECT key, details, checksum FROM incidents "+query, args, r.scanIncident)
}

// WaitingBefore is the deployment of the same scope that is to be settled before one; its zero value when none is.
func (r *Reader) WaitingBefore(ctx context.Context, s dora.Evaluation) (dora.Evaluation, error) {
	first, _, err := first(r.evaluations(ctx, "WHERE kind = 'deployment' AND scope = ? AND (at, number) < (?, ?) ORDER BY at, number LIMIT 1",
		s.Scope, s.At.UnixMilli(), s.ID))
	return first, err
}

// scanIncident reads an issue and checks its checksum.
func (r *Reader) scanIncident(rows *sql.Rows) (i dora.Incident, err error) {
	var key, state string
	var sum int64
	if err := rows.Scan(&key, &state, &sum); err != nil {
		return i, err
	}
	if err := checkRow(r.path, "incident "+key, sum, key, state); err != nil {
		return i, err
	}
	if err := json.Unmarshal([]byte(state), &i); err != nil {
		return i, &CorruptError{Path: r.path, What: "incident " + key + " can't be read", Err: err}
	}
	return i, nil
}
