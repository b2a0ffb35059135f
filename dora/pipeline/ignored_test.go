package pipeline_test

import (
	"testing"
	"testing/synctest"

	"dora-exporter/dora"
)

// ignoredStories are about deployments that a rule of deployments.ignore selects.
func ignoredStories() map[string]scopeStory {
	return map[string]scopeStory{
		"ignored by the workflow of its first event": {
			policy: func(p *dora.Policy) {
				p.Ignore = []dora.IgnoreRule{{Workflow: wholeValue(`.*/plan\.yml`), Environment: wholeValue("production"), Text: "plan"}}
			},
			events: []dora.Event{
				deployed(1, "V1", "success", 1),
				creation(with(deployed(2, "V3", "", 0), made("Plan", ".github/workflows/plan.yml"))),
				with(deployed(2, "V3", "success", 2), made("Plan")),
				deployed(3, "V2", "success", 3), incidentNaming("acme", "web", 2),
			},
			want: map[string]int64{"deployments_total outcome=success": 2, "changes_total": 2, "change_failures_total": 0},
		},
		"promoted by a status that does not name the workflow that is ignored": {
			policy: func(p *dora.Policy) { p.Ignore = []dora.IgnoreRule{{Workflow: wholeValue("Plan"), Text: "plan"}} },
			events: []dora.Event{
				creation(with(deployed(1, "V1", "", 0), to("staging"), made("Plan"))),
				with(deployed(1, "V1", "success", 1), to("staging"), promotedTo("production")), deployed(2, "V2", "success", 2),
			},
			want: map[string]int64{"deployments_total": 1, "changes_total": 1},
		},
		"promoted to where its workflow is ignored by a status that does not name it": {
			policy: func(p *dora.Policy) {
				p.Ignore = []dora.IgnoreRule{{Workflow: wholeValue(`.*/plan\.yml`), Environment: wholeValue("production"), Text: "plan"}}
			},
			events: []dora.Event{
				creation(with(deployed(1, "V1", "", 0), to("staging"), made("Plan", ".github/workflows/plan.yml"))),
				with(deployed(1, "V1", "success", 1), to("staging"), made("Plan")),
				with(deployed(1, "V1", "success", 2), to("staging"), promotedTo("production")), deployed(2, "V2", "success", 3),
			},
			want: map[string]int64{
				"deployments_total environment=staging": 1, "changes_total environment=staging": 1,
				"deployments_total environment=production": 1, "changes_total environment=production": 1,
			},
		},
		"promoted by another workflow than the one that made it, which is ignored": {
			policy: func(p *dora.Policy) { p.Ignore = []dora.IgnoreRule{{Workflow: wholeValue("Plan"), Text: "plan"}} },
			events: []dora.Event{
				creation(with(deployed(1, "V1", "", 0), to("staging"), made("Plan"))),
				with(deployed(1, "V1", "success", 2), to("staging"), promotedTo("production"), made("Promote", ".github/workflows/promote.yml")),
				with(deployed(1, "V1", "failure", 3), to("staging"), promotedTo("production")), deployed(2, "V2", "success", 4),
			},
			want: map[string]int64{"deployments_total": 1, "change_failures_total": 0, "changes_total": 1},
		},
		"promoted by a workflow that is ignored where it promotes to": {
			policy: func(p *dora.Policy) { p.Ignore = []dora.IgnoreRule{{Workflow: wholeValue("Promote"), Text: "promote"}} },
			events: []dora.Event{
				with(deployed(1, "V1", "success", 1), to("staging"), made("Deploy", ".github/workflows/deploy.yml")),
				with(deployed(1, "V1", "success", 2), to("staging"), promotedTo("production"), made("Promote")),
			},
			want: map[string]int64{"deployments_total environment=staging": 1, "deployments_total environment=production": 0, "changes_total": 1},
		},
		"promoted by a status while only deployments without a workflow are ignored": {
			policy: func(p *dora.Policy) { p.Ignore = []dora.IgnoreRule{{Workflow: wholeValue(""), Text: "by hand"}} },
			events: []dora.Event{
				creation(with(deployed(1, "V1", "", 0), to("staging"), made("Deploy"))),
				with(deployed(1, "V1", "success", 2), to("staging"), promotedTo("production"), made("Promote")),
			},
			want: map[string]int64{"deployments_total": 1, "changes_total": 1},
		},
		"promoted, without the environment that it was created for, while its workflow is ignored": {
			policy: func(p *dora.Policy) { p.Ignore = []dora.IgnoreRule{{Workflow: wholeValue("Plan"), Text: "plan"}} },
			events: []dora.Event{
				creation(with(deployed(1, "V1", "", 0), only("staging"), made("Plan"))),
				with(deployed(1, "V1", "success", 1), only("production")), deployed(2, "V2", "success", 2),
			},
			want: map[string]int64{"deployments_total": 1, "changes_total": 1},
		},
		"a deployment of the same number on another server is ignored by its workflow": {
			policy: func(p *dora.Policy) { p.Ignore = []dora.IgnoreRule{{Workflow: wholeValue("Plan"), Text: "plan"}} },
			events: []dora.Event{
				creation(with(deployed(1, "V1", "", 0), to("staging"), made("Plan"), func(s *dora.Status) { s.Deployment.Host = "ghe.example.com" })),
				with(deployed(1, "V1", "success", 1), to("staging"), promotedTo("production")),
			},
			want: map[string]int64{"deployments_total": 1, "changes_total": 1},
		},
		"ignored by creator and description": {
			policy: func(p *dora.Policy) {
				p.Ignore = []dora.IgnoreRule{{Creator: wholeValue(`argo\[bot\]`), Description: wholeValue("sync.*"), Text: "argo"}, {Ref: wholeValue("feature/.*"), Text: "ref"}}
			},
			events: []dora.Event{
				with(deployed(1, "V1", "success", 1), func(s *dora.Status) { s.Deployment.Creator = "Argo[bot]" }),
				with(deployed(2, "V3", "success", 2), func(s *dora.Status) { s.Deployment.Creator, s.Deployment.Description = "argo[bot]", "Sync 7" }),
				with(deployed(2, "V3", "failure", 3), func(s *dora.Status) { s.Deployment.Creator, s.Deployment.Description = "argo[bot]", "Sync 7" }),
				with(deployed(3, "V2", "success", 4), func(s *dora.Status) { s.Deployment.Ref = "a/feature/x" }),
				with(deployed(4, "V3", "error", 5), func(s *dora.Status) { s.Deployment.Ref = "feature/x" }),
			},
			want: map[string]int64{"deployments_total": 2, "changes_total": 2, "change_failures_total": 0},
		},
	}
}

// A rule selects a deployment by whichever of its events matches, in whatever order they arrive.
func TestIgnored(t *testing.T) {
	for name, story := range ignoredStories() {
		t.Run(name, func(t *testing.T) { story.inOrders(t, 6) })
	}
}

// What is missing in an event is taken from the events that have arrived before it, and what has been counted stays counted.
func TestInOrderOfArrival(t *testing.T) {
	for name, story := range map[string]scopeStory{
		"the id is missing after a new repository has the old name": {
			events: []dora.Event{
				with(deployed(1, "V3", "success", 1), of(77)), with(deployed(2, "V1", "success", 2), of(99)), with(deployed(3, "V2", "success", 3), of(99)),
				createdAt(deployed(4, "V1", "success", 6), 5),
			},
			want: map[string]int64{"deployments_total outcome=success": 4, "change_failures_total cause=rollback": 1},
		},
		"a description that is ignored comes after it has counted": {
			policy: func(p *dora.Policy) { p.Ignore = []dora.IgnoreRule{{Description: wholeValue("sync.*"), Text: "sync"}} },
			events: []dora.Event{
				deployed(1, "V1", "success", 1), with(deployed(1, "V1", "failure", 2), func(s *dora.Status) { s.Deployment.Description = "Sync 7" }),
				deployed(2, "V2", "success", 3),
			},
			want: map[string]int64{
				"deployments_total outcome=success": 2, "deployments_total outcome=failure": 1, "change_failures_total cause=status": 1, "rework_deployments_total": 1,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var order []int
				for i := range story.events {
					order = append(order, i)
				}
				story.tell(t, order)
			})
		})
	}
}
