package sqlite

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/persistence/sqlstore"
)

func TestWaitingEvaluations(t *testing.T) {
	s := openStore(t)
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	check := func(when string, want sqlstore.WaitingEvaluations) {
		t.Helper()
		got, err := s.WaitingEvaluations(t.Context(), now)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", when, diff)
		}
	}
	check("nothing waits", sqlstore.WaitingEvaluations{})
	settling := func(kind, key string, ripe time.Duration) dora.Evaluation {
		return dora.Evaluation{Kind: kind, Key: key, Scope: "h/o/r/e", At: now, Due: now.Add(ripe), Ripe: now.Add(ripe)}
	}
	failing := settling(dora.DeploymentEvaluation, "h/1", -3*time.Hour)
	update(t, s, func(tx dora.Tx) error {
		return tx.Evaluations().Add(settling(dora.IncidentEvaluation, "h/7", time.Millisecond))
	})
	check("one has time", sqlstore.WaitingEvaluations{Waiting: 1})
	update(t, s, func(tx dora.Tx) error { return tx.Evaluations().Add(settling(dora.OutcomeEvaluation, "h/1", 0)) })
	check("one is due now", sqlstore.WaitingEvaluations{Waiting: 2, Due: 1, Oldest: now})
	update(t, s, func(tx dora.Tx) error { return tx.Evaluations().Add(failing) })
	failing.Due, failing.Attempts = now.Add(time.Minute), 9
	update(t, s, func(tx dora.Tx) error { return tx.Evaluations().Retry(failing) })
	check("one fails and is retried later", sqlstore.WaitingEvaluations{Waiting: 3, Due: 2, Oldest: failing.Ripe})
	update(t, s, func(tx dora.Tx) error { return tx.Evaluations().Done(failing) })
	check("it has been made", sqlstore.WaitingEvaluations{Waiting: 2, Due: 1, Oldest: now})
}
