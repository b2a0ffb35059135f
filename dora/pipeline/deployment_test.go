package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/persistence/teststore"
)

func status(id int64, state string, at time.Duration) dora.Event {
	return dora.Event{Status: &dora.Status{
		ID: id, State: state, CreatedAt: morning.Add(at),
		Deployment: dora.Deployment{
			Host: "api.github.com", ID: 1, Owner: "acme", Repository: "web", Environment: "production", SHA: "c0ffee", CreatedAt: morning,
		},
	}}
}

func series(family, state string) string {
	return fmt.Sprintf(`%s{environment="production",repo="web",status=%q,team="Platform"} `, family, state)
}

// lookUp answers every look-up with a function and counts the calls.
type lookUp struct {
	nothingPartial

	calls  atomic.Int64
	answer func(call int64) (dora.Origin, error)
}

func (l *lookUp) Origin(context.Context, dora.Commit) (dora.Origin, error) {
	return l.answer(l.calls.Add(1))
}

// Ship returns that nothing is shipped.
func (l *lookUp) Ship(_ context.Context, c dora.Comparison) (dora.Shipment, map[string]dora.Origin, error) {
	return dora.Shipment{Relation: dora.Identical, Base: c.Base}, nil, nil
}

func began(before time.Duration) func(int64) (dora.Origin, error) {
	return func(int64) (dora.Origin, error) { return dora.Origin{FirstCommit: morning.Add(-before)}, nil }
}

// runLookups makes look-ups for a while of virtual time.
func runLookups(t *testing.T, store *teststore.Store, e dora.Enricher, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	(&pipeline.Lookups{Store: store, Enricher: e, Rules: noLimit(), Logger: slog.New(slog.DiscardHandler), Now: time.Now}).Run(ctx)
}

func TestDeploymentEvent(t *testing.T) {
	store := openStore(t)
	deployment := status(1, "", 0).Status.Deployment
	accept(t, store, dora.Event{Deployment: &deployment})
	process(t, store, platform{})
	all, err := store.Facts(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, f := range all {
		got[f.Family+"{"+f.Labels.Key()+"} "] = f.Value
	}
	want := map[string]int64{}
	for _, state := range []string{"success", "failure", "error"} {
		want[series(dora.DeploymentsTotal, state)] = 0
		want[series(dora.DeploymentsDurationSum, state)] = 0
	}
	scope := `owner="acme",repo="web",team="Platform"} `
	for _, family := range []string{dora.Changes, dora.DeploymentRun, dora.LeadTime} {
		want[family+`{environment="production",`+scope] = 0
	}
	want[`dora_deployments_total{environment="production",outcome="success",`+scope] = 0
	want[`dora_deployments_total{environment="production",outcome="failure",`+scope] = 0
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestStatusDuration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := openStore(t)
		accept(t, store, status(1, "in_progress", 0), status(2, "success", 10*time.Minute))
		accept(t, store, status(3, "success", 20*time.Minute), status(2, "success", 10*time.Minute)) // another hook's status 2
		process(t, store, platform{})
		counted := []string{
			series(dora.DeploymentsTotal, "in_progress") + "1",
			series(dora.DeploymentsTotal, "success") + "1",
			series(dora.DeploymentsTotal, "success") + "1",
		}
		wantFacts(t, store, "before GitHub answers", counted...)

		github := &lookUp{answer: began(time.Hour)}
		runLookups(t, store, github, time.Minute)
		// An hour before nine to nine, to ten past, to twenty past.
		want := []string{
			series(dora.DeploymentsDuration, "in_progress") + "3600000",
			series(dora.DeploymentsDuration, "success") + "4200000",
			series(dora.DeploymentsDuration, "success") + "4800000",
			series(dora.DeploymentsDurationSum, "in_progress") + "3600000",
			series(dora.DeploymentsDurationSum, "success") + "4200000",
			series(dora.DeploymentsDurationSum, "success") + "4800000",
		}
		wantFacts(t, store, "after GitHub answered", append(want, counted...)...)

		// The commit is known now: one more status needs no call.
		accept(t, store, status(4, "failure", 30*time.Minute))
		process(t, store, platform{})
		runLookups(t, store, github, time.Minute)
		if n := github.calls.Load(); n != 1 {
			t.Errorf("%d look-ups of one commit, want 1", n)
		}
		if got := facts(t, store); len(got) != len(want)+len(counted)+3 {
			t.Errorf("after one more status: %d facts, want 3 more than before: %q", len(got), got)
		}
	})
}

func TestDurationUnavailable(t *testing.T) {
	unavailable := func(reason string) string {
		return fmt.Sprintf(`%s{environment="production",reason=%q,repo="web",status="success",team="Platform"} 1`,
			dora.DeploymentsDurationUnavailable, reason)
	}
	missing := func(int64) (dora.Origin, error) {
		return dora.Origin{}, &dora.NotFoundError{Reason: dora.ReasonNotFound, Err: errors.New("404")}
	}
	for name, test := range map[string]struct {
		at     time.Time
		noSHA  bool
		answer func(int64) (dora.Origin, error)
		calls  int64
		reason string
	}{
		"gone after 71 minutes": {at: morning, answer: missing, calls: 4, reason: "not_found"},
		"status before the commit": {
			at: morning.Add(-2 * time.Hour), answer: began(time.Hour), calls: 1, reason: "implausible_date",
		},
		"status in year 1": {at: time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), answer: began(time.Hour), calls: 1, reason: "implausible_date"},
		"commit without a date": {
			at: morning, calls: 1, reason: "no_commit_date",
			answer: func(int64) (dora.Origin, error) { return dora.Origin{}, nil },
		},
		"no commit": {at: morning, noSHA: true, reason: "no_commit"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := openStore(t)
				e := status(1, "success", 0)
				e.Status.CreatedAt = test.at
				if test.noSHA {
					e.Status.Deployment.SHA = ""
				}
				accept(t, store, e)
				process(t, store, platform{})
				github := &lookUp{answer: test.answer}
				if test.calls > 1 {
					runLookups(t, store, github, 70*time.Minute)
					if github.calls.Load() == test.calls {
						t.Errorf("final before 71 minutes were over")
					}
				}
				runLookups(t, store, github, 5*time.Minute)
				wantFacts(t, store, "facts", unavailable(test.reason), series(dora.DeploymentsTotal, "success")+"1")
				if n := github.calls.Load(); n != test.calls {
					t.Errorf("%d look-ups, want %d", n, test.calls)
				}
			})
		})
	}
}

func TestLongDuration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := openStore(t)
		e := status(1, "success", 0)
		e.Status.CreatedAt = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
		accept(t, store, e)
		process(t, store, platform{})
		first := time.Date(2005, 4, 7, 0, 0, 0, 0, time.UTC) // the earliest that is believed
		runLookups(t, store, &lookUp{answer: func(int64) (dora.Origin, error) { return dora.Origin{FirstCommit: first}, nil }}, time.Minute)
		// From 1970 it is 8029 years, of which 1947 are leap years: (8029*365 + 1947) days. The first 35 years, 9 of them leap years,
		// and 96 days of 2005 are missing.
		want := series(dora.DeploymentsDurationSum, "success") + fmt.Sprint((8029*365+1947-35*365-9-96)*86_400_000)
		if got := facts(t, store); got[0] != want {
			t.Errorf("got %q, want %q", got[1], want)
		}
	})
}

func TestGitHubOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := openStore(t)
		accept(t, store, status(1, "success", 0))
		process(t, store, platform{})
		start := time.Now()
		github := &lookUp{answer: func(int64) (dora.Origin, error) {
			if time.Since(start) < time.Hour {
				return dora.Origin{}, errors.New("502")
			}
			return dora.Origin{FirstCommit: morning.Add(-time.Hour)}, nil
		}}
		for range 4 { // 20 minutes and a restart each
			runLookups(t, store, github, 20*time.Minute)
		}
		want := []string{
			series(dora.DeploymentsDuration, "success") + "3600000",
			series(dora.DeploymentsDurationSum, "success") + "3600000",
			series(dora.DeploymentsTotal, "success") + "1",
		}
		wantFacts(t, store, "facts", want...)
		// 1, 2, 4, 8, 16, 32 s, which is a minute; then every 48 s (60 s less jitter) at the most often, every 61 s at the least.
		if n := github.calls.Load(); n < 60 || n > 85 {
			t.Errorf("%d look-ups in an hour, want 60 to 85", n)
		}
	})
}
