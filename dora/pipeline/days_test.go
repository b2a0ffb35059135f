package pipeline_test

import (
	"log/slog"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
)

// Days of what waits for its evaluation are left stale, and those before it are not.
func TestDaysOfEvaluatedDeployments(t *testing.T) {
	store := openStore(t)
	d := &pipeline.Days{Store: store, Logger: slog.New(slog.DiscardHandler), AtOnce: 2}
	update := func(f func(tx dora.Tx) error) {
		t.Helper()
		if err := store.Update(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	var scope string
	waiting := dora.Evaluation{Kind: dora.DeploymentEvaluation}
	update(func(tx dora.Tx) error {
		for id := range int64(9) {
			at := morning.Add(time.Duration(id) * time.Hour)
			record := dora.DeploymentRecord{
				Deployment: dora.Deployment{Host: "github.com", ID: id + 1, Repository: "app", Environment: "production", SHA: "abcdef0", CreatedAt: at},
				Outcomes:   []dora.Outcome{{ID: id + 1, State: dora.Success, At: at}},
			}
			if err := tx.Deployments().Save(record); err != nil {
				return err
			}
			if id == 5 {
				scope = record.Scope()
				waiting.Key, waiting.Scope, waiting.At, waiting.ID = record.Key(), scope, at, id+1
			}
		}
		return tx.Evaluations().Add(waiting)
	})
	wantStale := func(when string, want time.Time) {
		t.Helper()
		if err := d.MakeEvaluated(t.Context()); err != nil {
			t.Fatal(err)
		}
		update(func(tx dora.Tx) error {
			since, _, err := tx.Days().StaleSince(scope)
			if !since.Equal(want) {
				t.Errorf("%s: stale since %s, want %s", when, since, want)
			}
			return err
		})
	}
	wantStale("an evaluation waits", waiting.At)
	wantStale("it still waits", waiting.At)
	update(func(tx dora.Tx) error { return tx.Evaluations().Done(waiting) })
	wantStale("it is made", time.Time{})
}
