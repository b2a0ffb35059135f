package pipeline_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
)

// Each outcome of a deployment counts under the name of the repository in its own status, in whatever order the statuses arrive. What follows
// from the success has the name in that.
func TestOutcomesOfARenamedRepository(t *testing.T) {
	web, api := of(77), called("new", "api") // acme/web of team A becomes new/api of team B
	story := scopeStory{
		events: []dora.Event{
			with(deployed(1, "V1", "success", 1), web), with(deployed(2, "V2", "success", 2), web),
			with(deployed(2, "V2", "failure", 3), web, api), with(deployed(2, "V2", "success", 4), web, api),
		},
		want: map[string]int64{
			"deployments_total": 3, "deployments_total outcome=success owner=acme team=A": 2, "deployments_total outcome=failure owner=new team=B": 1,
			"deployment_run_seconds owner=acme team=A": 180_000, "deployment_run_seconds owner=new team=B": 180_000,
			"changes_total owner=acme team=A": 2, "change_failures_total cause=status owner=acme team=A": 1,
			"failed_deployment_recovery_seconds owner=acme team=A": 120_000, "rework_deployments_total": 0,
			"deployment_timestamp_seconds owner=new team=B": morning.Add(4 * time.Minute).UnixMilli(),
		},
	}
	for order := range permutations(len(story.events)) {
		if slices.Index(order, 1) > slices.Index(order, 3) {
			continue // of two statuses of one outcome, the first to arrive is counted
		}
		synctest.Test(t, func(t *testing.T) { story.tell(t, order) })
	}
}

// A deployment that only failed has the name in its first failing status.
func TestFailuresOfARenamedRepository(t *testing.T) {
	scopeStory{
		events: []dora.Event{
			with(deployed(1, "V1", "in_progress", 1), of(77)), with(deployed(1, "V1", "error", 2), of(77), called("new", "api")),
		},
		want: map[string]int64{"deployments_total": 1, "deployments_total outcome=failure owner=new team=B": 1, "deployment_run_seconds owner=new": 60_000},
	}.inOrders(t, 2)
}
