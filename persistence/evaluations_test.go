package persistence

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

func TestEvaluations(t *testing.T) {
	s := openStore(t)
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	check := func(when string, want Evaluations) {
		t.Helper()
		got, err := s.Evaluations(t.Context(), now)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", when, diff)
		}
	}
	check("nothing waits", Evaluations{})
	settling := func(kind, key string, ripe time.Duration) dora.Settling {
		return dora.Settling{Kind: kind, Key: key, Scope: "h/o/r/e", At: now, Due: now.Add(ripe), Ripe: now.Add(ripe)}
	}
	failing := settling(dora.SettleDeployment, "h/1", -3*time.Hour)
	update(t, s, func(tx dora.Tx) error { return tx.AddSettling(settling(dora.SettleIncident, "h/7", time.Millisecond)) })
	check("one has time", Evaluations{Waiting: 1})
	update(t, s, func(tx dora.Tx) error { return tx.AddSettling(settling(dora.SettleOutcome, "h/1", 0)) })
	check("one is due now", Evaluations{Waiting: 2, Due: 1, Oldest: now})
	update(t, s, func(tx dora.Tx) error { return tx.AddSettling(failing) })
	failing.Due, failing.Attempts = now.Add(time.Minute), 9
	update(t, s, func(tx dora.Tx) error { return tx.SaveSettling(failing) })
	check("one fails and is retried later", Evaluations{Waiting: 3, Due: 2, Oldest: failing.Ripe})
	update(t, s, func(tx dora.Tx) error { return tx.Settled(failing) })
	check("it has been made", Evaluations{Waiting: 2, Due: 1, Oldest: now})
}
