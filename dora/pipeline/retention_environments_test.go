package pipeline_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"dora-exporter/dora"
)

// Of environments that nobody deploys to any more nothing stays, unless they are production.
func TestAbandonedEnvironmentsGo(t *testing.T) {
	x := newLongRun(t)
	in := func(id int64, environment string, transient bool) dora.Deployment {
		d := x.deployment(id, "web", commitOf(int(id)))
		d.Environment, d.OriginalEnvironment, d.Transient = environment, environment, transient
		return d
	}
	x.succeed(in(1, "production", false), false)
	for id := int64(2); id < 5; id++ {
		d := in(id, fmt.Sprint("pr-", id), true)
		x.succeed(d, false)
		x.end(d, "inactive", time.Minute)
	}
	x.succeed(in(6, "test", false), false)
	x.later(1)
	other := int64(100)
	after := func(days int, what string, want map[string]int) {
		t.Helper()
		x.later(days)
		x.deploy(other, "other", int(other), other > 100)
		other++
		x.later(1)
		x.wantRows(what, want)
	}
	// The other repository has the deployments that are not old; each has a status, a success, and an origin.
	after(750, "after less than the retention", map[string]int{"deployments": 6, "statuses": 9, "commits": 6})
	after(50, "after the retention", map[string]int{"deployments": 4, "statuses": 4, "commits": 4, "successes": 4})
	after(800, "after twice the retention", map[string]int{"deployments": 3, "aged": 2})
	if x.known("api.github.com/6") || !x.known("api.github.com/1") {
		t.Errorf("the deployment to test is known: %t, that to production: %t", x.known("api.github.com/6"), x.known("api.github.com/1"))
	}
	x.succeed(in(50, "test", false), false)
	x.check("after a deployment to an abandoned environment")
}

// countedUpdates counts transactions.
type countedUpdates struct {
	dora.Transactor
	n int
}

func (s *countedUpdates) Update(ctx context.Context, f func(dora.Tx) error) error {
	s.n++
	return s.Transactor.Update(ctx, f)
}

// What stays is looked at once a day.
func TestRetentionOfTheSameDay(t *testing.T) {
	x := newLongRun(t)
	x.deploy(1, "web", 1, false)
	x.later(1)
	x.now = x.now.Add(800 * dora.Day).Truncate(dora.Day)
	x.deploy(2, "other", 2, false)
	store := &countedUpdates{Transactor: x.store}
	retention := x.retention(store)
	day := x.now.Truncate(dora.Day)
	for _, step := range []struct {
		hour  int
		looks bool
	}{{1, true}, {2, false}, {23, false}, {25, true}, {26, false}} {
		x.now = day.Add(time.Duration(step.hour) * time.Hour)
		store.n = 0
		if _, err := retention.RemoveOld(t.Context()); err != nil {
			t.Fatal(err)
		}
		if looks := store.n > 1; looks != step.looks { // the first one marks what has arrived
			t.Errorf("hour %d: looks for what is old: %t, want %t", step.hour, looks, step.looks)
		}
	}
	if !x.known("api.github.com/1") {
		t.Error("the newest deployment of its environment is not known")
	}
}
