package pipeline_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
	"dora-exporter/report"
)

// mergeStory is about two names that are found to be those of one repository. Each step is evaluated before the events of the next
// arrive.
type mergeStory struct {
	steps [][]dora.Event
	want  map[string]int64
	// differs is true if the report, which knows all events, has other numbers: what has been counted stays counted.
	differs bool
}

func mergeStories() map[string]mergeStory {
	core := []change{of(77), called("acme", "core")}
	// Both names come with one id: the payloads of web had none before.
	found := []dora.Event{creation(with(deployed(8, "V9", "", 0), core...)), creation(with(deployed(9, "V9", "", 0), of(77)))}
	return map[string]mergeStory{
		"changes ship again after a rollback": {
			steps: [][]dora.Event{
				{deployed(1, "V1", "success", 1), deployed(2, "V2", "success", 2)},
				found,
				{with(deployed(3, "V1", "success", 3), core...), with(deployed(4, "V3", "success", 4), core...)},
			},
			want: map[string]int64{"deployments_total": 4, "changes_total repo=web": 2, "changes_total repo=core": 1},
		},
		"an earlier deployment arrives afterwards": {
			steps: [][]dora.Event{
				{deployed(1, "V1", "success", 1), deployed(3, "V3", "success", 3)}, found, {deployed(2, "V2", "success", 2)},
			},
			// All were written at eight. V2 has been counted with V3, at three minutes past nine: 61 + 63 + 63 minutes.
			want:    map[string]int64{"deployments_total": 3, "changes_total": 3, "change_lead_time_seconds": 187 * 60_000},
			differs: true,
		},
		"a deployment waits to be evaluated": {
			steps: [][]dora.Event{
				{deployed(1, "V1", "success", 1), deployed(2, "V2", "success", 2)},
				{with(deployed(3, "V2", "success", 3), core...), found[1]},
			},
			want: map[string]int64{"deployments_total": 3, "changes_total": 2},
		},
		"a failed change is repaired afterwards": {
			steps: [][]dora.Event{
				{deployed(1, "V1", "success", 1), deployed(2, "V2", "success", 2), deployed(2, "V2", "failure", 3)},
				found,
				{with(deployed(3, "V3", "success", 4), core...), incidentNaming("acme", "core", 2)},
				{with(deployed(2, "V2", "error", 5), core...), with(deployed(2, "V2", "failure", 3), core...)},
			},
			want: map[string]int64{
				"deployments_total outcome=success": 3, "deployments_total outcome=failure": 1, "changes_total": 3, "change_failures_total": 1,
				"rework_deployments_total": 1, "failed_deployment_recovery_seconds": 120_000,
			},
		},
		"another repository gets the former name": {
			steps: [][]dora.Event{
				{deployed(1, "V1", "success", 1)}, found, {with(deployed(2, "V1", "success", 2), of(99)), with(deployed(3, "V2", "success", 3), of(99))},
			},
			want: map[string]int64{"deployments_total": 3, "changes_total": 3},
		},
		"both names have counted the same change": {
			steps: [][]dora.Event{
				{deployed(1, "V1", "success", 1), deployed(2, "V2", "success", 2), with(deployed(3, "V2", "success", 3), core...)},
				found,
				{with(deployed(4, "V1", "success", 4), core...), with(deployed(5, "V3", "success", 5), core...)},
				{with(deployed(6, "V2", "success", 6), of(99))},
			},
			// V2 counts twice, under both names. The new repository has its own.
			want:    map[string]int64{"deployments_total": 6, "changes_total repo=web": 3, "changes_total repo=core": 2},
			differs: true,
		},
	}
}

// What has been counted under one name of a repository does not count again when its names are found to be one repository's.
func TestMergedRepositoriesCountOnce(t *testing.T) {
	for name, story := range mergeStories() {
		t.Run(name, func(t *testing.T) {
			for _, backwards := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) { story.tell(t, backwards) })
			}
		})
	}
}

// tell has the events of each step arrive in their order, or backwards.
func (story mergeStory) tell(t *testing.T, backwards bool) {
	p, x := newEmptyHistory(t)
	p.repos["core"], p.teams["core"] = p.repos["web"], "A"
	for _, events := range story.steps {
		events = slices.Clone(events)
		if backwards {
			slices.Reverse(events)
		}
		for _, e := range events {
			x.arrive(e)
			x.run(time.Second) // within settleTime
		}
		x.settle()
	}
	for selector, want := range story.want {
		if got := sumOf(x.dora(), selector); got != want {
			t.Errorf("backwards %t: %s = %d, want %d", backwards, selector, got, want)
		}
	}
	if changes, times := x.subjects(dora.Changes), x.subjects(dora.LeadTime); !slices.Equal(changes, times) {
		t.Errorf("backwards %t: changes %q have the lead times %q", backwards, changes, times)
	}
	o := report.Options{Now: time.Now().AddDate(50, 0, 0), Since: time.Hour}
	r, err := report.FromEvents(t.Context(), x.store, p.policy, o)
	if err != nil || len(r.Differences) > 0 != story.differs {
		t.Errorf("backwards %t: %+v, %v", backwards, r.Differences, err)
	}
}
