package pipeline_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/persistence/teststore"
)

// Days of what waits for its evaluation are left stale, and those before it are not.
func TestDaysOfEvaluatedDeployments(t *testing.T) {
	store := openStore(t)
	d := &pipeline.Days{Store: store, Logger: slog.New(slog.DiscardHandler), AtOnce: 2}
	waiting := waitingDeployment(t, store)
	for _, test := range []struct {
		name string
		done bool
		want time.Time
	}{
		{"an evaluation waits", false, waiting.At},
		{"it still waits", false, waiting.At},
		{"it is made", true, time.Time{}},
	} {
		if test.done {
			update(t, store, func(tx dora.Tx) error { return tx.Evaluations().Done(waiting) })
		}
		if err := d.MakeEvaluated(t.Context()); err != nil {
			t.Fatal(err)
		}
		if since := staleSince(t, store, waiting.Scope); !since.Equal(test.want) {
			t.Errorf("%s: stale since %s, want %s", test.name, since, test.want)
		}
	}
}

// When a burst has ended, all days are made, whenever its last change was.
func TestDaysAfterABurst(t *testing.T) {
	for changes := range 10 {
		synctest.Test(t, func(t *testing.T) {
			store := openStore(t)
			waiting := waitingDeployment(t, store)
			d := &pipeline.Days{Store: store, Logger: slog.New(slog.DiscardHandler), AtOnce: 2}
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() { d.Run(ctx) })
			for n := range changes {
				time.Sleep(900 * time.Millisecond)
				update(t, store, func(tx dora.Tx) error {
					if n < 3 {
						return tx.Deployments().Save(hourly(int64(10 + n)))
					}
					again := waiting // which makes no days stale
					again.Attempts = n
					return tx.Evaluations().Retry(again)
				})
			}
			time.Sleep(1950 * time.Millisecond) // before the store saves its clock, a change after which days are made in any case
			if since := staleSince(t, store, waiting.Scope); !since.IsZero() {
				t.Errorf("stale since %s after a burst of %d changes", since, changes)
			}
			cancel()
			running.Wait()
		})
	}
}

func update(t *testing.T, store *teststore.Store, f func(tx dora.Tx) error) {
	t.Helper()
	if err := store.Update(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func staleSince(t *testing.T, store *teststore.Store, scope string) (since time.Time) {
	t.Helper()
	update(t, store, func(tx dora.Tx) (err error) {
		since, _, err = tx.Days().StaleSince(scope)
		return err
	})
	return since
}

// waitingDeployment stores nine deployments of a scope and returns the evaluation of one in the middle, which is pending.
func waitingDeployment(t *testing.T, store *teststore.Store) dora.Evaluation {
	t.Helper()
	waiting := dora.Evaluation{Kind: dora.DeploymentEvaluation}
	update(t, store, func(tx dora.Tx) error {
		for n := range int64(9) {
			record := hourly(n)
			if err := tx.Deployments().Save(record); err != nil {
				return err
			}
			if n == 5 {
				waiting.Key, waiting.Scope, waiting.At, waiting.ID = record.Key(), record.Scope(), record.When(), record.ID
			}
		}
		return tx.Evaluations().Add(waiting)
	})
	return waiting
}

// hourly returns a deployment that has succeeded in an hour.
func hourly(n int64) dora.DeploymentRecord {
	at := morning.Add(time.Duration(n) * time.Hour)
	return dora.DeploymentRecord{
		Deployment: dora.Deployment{Host: "github.com", ID: n + 1, Repository: "app", Environment: "production", SHA: "abcdef0", CreatedAt: at},
		Outcomes:   []dora.Outcome{{ID: n + 1, State: dora.Success, At: at}},
	}
}

// A rollback turns out to be ignored after days have been made with it: it is one no more.
func TestDaysOfAnIgnoredDeployment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, x := newEmptyHistory(t)
		p.policy.Production, p.policy.UsualProduction = nil, true
		p.policy.Ignore = []dora.IgnoreRule{{Workflow: wholeValue(`.*/plan\.yml`), Text: "plan"}}
		days := &pipeline.Days{Store: x.store, Policy: p.policy, Logger: slog.New(slog.DiscardHandler), AtOnce: 10}
		x.arrive(createdAt(deployed(1, "V1", "success", 1), 0), createdAt(deployed(2, "V2", "success", 2), 1),
			with(createdAt(deployed(3, "V1", "success", 4), 3), made("Plan")))
		x.makeDays(days)
		x.wantReports(p.policy, "a rollback")
		x.arrive(creation(with(createdAt(deployed(3, "V1", "", 0), 3), made("Plan", ".github/workflows/plan.yml"))))
		x.makeDays(days)
		x.wantReports(p.policy, "it is ignored")
		x.settle()
		x.makeDays(days)
		x.wantReports(p.policy, "after evaluations")
	})
}
