package sqlstore

import (
	"cmp"
	"time"

	"dora-exporter/dora"
)

// firstEvaluation is the evaluation of the first deployment of a scope that is pending, or the oldest of those of a repository. It has no key if
// there is none.
type firstEvaluation struct{ dora.Evaluation }

func (f firstEvaluation) exists() bool { return f.Key != "" }

// precedes reports whether it is made before another evaluation of its scope, which is not the same.
func (f firstEvaluation) precedes(s dora.Evaluation) bool {
	return f.exists() && f.Key != s.Key && cmp.Or(cmp.Compare(f.At.UnixMilli(), s.At.UnixMilli()), cmp.Compare(f.ID, s.ID)) < 0
}

const firstOfScope = "WHERE kind = 'deployment' AND scope = ?1 ORDER BY at, number LIMIT 1"

// First returns the evaluation of the first deployment of a scope that is pending; false if there is none.
func (t evaluationTx) First(scope string) (dora.Evaluation, bool, error) {
	if first, known := t.firsts.get(scope); known {
		return first.Evaluation, first.exists(), nil
	}
	first, pending, err := firstRow(t.evaluations(firstOfScope, scope))
	if err == nil {
		t.firsts.add(scope, firstEvaluation{first})
	}
	return first, pending, err
}

// FirstUntried returns the oldest evaluation of a repository before a time that is the first of its scope and has not failed.
func (t evaluationTx) FirstUntried(repository string, before time.Time) (dora.Evaluation, bool, error) {
	oldest, known := t.untried.get(repository)
	if !known {
		found, _, err := firstRow(t.evaluations(`INDEXED BY evaluations_repository WHERE first = 1 AND repository = ? AND attempts = 0 AND misses = 0
			ORDER BY at LIMIT 1`, repository))
		if err != nil {
			return dora.Evaluation{}, false, err
		}
		oldest = firstEvaluation{found}
		t.untried.add(repository, oldest)
	}
	if !oldest.exists() || oldest.At.UnixMilli() >= before.UnixMilli() {
		return dora.Evaluation{}, false, nil
	}
	return oldest.Evaluation, true, nil
}

// forgetFirst forgets which evaluation of a scope is the first, and which one of its repository.
func (t *tx) forgetFirst(scope string) {
	t.firsts.remove(scope)
	t.untried.remove(dora.RepositoryOf(scope))
}

// forgetIfFirst forgets which evaluations are the first, before one of a deployment changes that may be. Its repository may have been merged into
// another one since it was claimed: then its deployment knows the scope.
func (t *tx) forgetIfFirst(s dora.Evaluation) error {
	if s.Kind != dora.DeploymentEvaluation {
		return nil
	}
	t.forgetFirst(s.Scope)
	d, err := t.stored(s.Key)
	if err == nil && d.id != 0 {
		t.forgetFirst(d.record.Scope())
	}
	return err
}

// setFirst records which deployment of a scope is to be evaluated first.
func (t *tx) setFirst(scope string) error {
	if _, known := t.firsts.get(scope); known { // and recorded
		return nil
	}
	var first firstEvaluation
	var recorded, another bool
	err := t.query("SELECT "+evaluationColumns+", first, EXISTS (SELECT 1 FROM evaluations INDEXED BY evaluations_one_first WHERE scope = ?1 AND first = 1) FROM evaluations "+firstOfScope,
		[]any{scope}, func(rows Rows) (err error) {
			first.Evaluation, err = scanEvaluation(t.writer.path, rows, &recorded, &another)
			return err
		})
	if err != nil {
		return err
	}
	t.firsts.add(scope, first)
	if !first.exists() || recorded {
		return nil
	}
	if another {
		if err := t.send("UPDATE evaluations INDEXED BY evaluations_one_first SET first = 0 WHERE scope = ? AND first = 1", scope); err != nil {
			return err
		}
	}
	return t.send("UPDATE evaluations SET first = 1 WHERE kind = 'deployment' AND key = ?", first.Key)
}
