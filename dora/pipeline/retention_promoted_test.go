package pipeline_test

import (
	"testing"
	"time"

	"dora-exporter/dora"
)

// promotedRun is a run after a removal: a deployment was promoted from staging to production, where it is the newest, and nothing but that is
// left of it.
func promotedRun(t *testing.T, original string) (x *longRun, promoted dora.Deployment, at time.Time) {
	x = newLongRun(t)
	staged := func(id int64) dora.Deployment {
		d := x.deployment(id, "web", commitOf(int(id)))
		d.Environment, d.OriginalEnvironment = "staging", original
		return d
	}
	x.succeed(staged(1), false)
	promoted = staged(1)
	promoted.Environment = "production"
	promoted.Promoted = original != ""
	at = x.end(promoted, "success", time.Minute)
	x.want.Successes++
	x.want.Newest = at.UnixMilli()
	x.later(1)
	x.succeed(staged(2), true)
	x.later(900)
	x.deploy(3, "other", 3, false)
	x.later(1)
	if x.known("api.github.com/1") || !x.known("api.github.com/1/production") {
		t.Fatalf("the deployment is known in staging: %t, in production: %t", x.known("api.github.com/1"), x.known("api.github.com/1/production"))
	}
	return x, promoted, at
}

// What a history tells of a promoted deployment was counted before, also after what came before the promotion has been removed.
func TestHistoryOfAPromotedDeployment(t *testing.T) {
	x, promoted, at := promotedRun(t, "staging")
	before := total(x, dora.DeploymentsTotal)
	status := &dora.Status{Deployment: promoted, ID: dora.UnnumberedStatus(1, 1), State: "success", Environment: "production", CreatedAt: at}
	x.send(dora.Event{Status: status, Backfilled: true})
	if after := total(x, dora.DeploymentsTotal); after != before {
		t.Errorf("github_deployments_total is %d, want %d", after, before)
	}
}

// An event of a promoted deployment counts if its payload does not say that it was promoted, and what came before that has been removed.
func TestEventOfAPromotedDeployment(t *testing.T) {
	x, promoted, _ := promotedRun(t, "")
	x.end(promoted, "failure", time.Minute) // it still runs
	x.want.Failures++
	x.want.FailedChanges++
	x.check("after a late failure")
}
