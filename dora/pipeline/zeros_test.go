package pipeline_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// The first event of a repository and environment starts its counters at 0, whatever its kind.
func TestZeros(t *testing.T) {
	deployment := deployed(1, "V1", "queued", 10).Status.Deployment
	staging := deployment
	staging.Environment = "staging"
	flagged := staging
	flagged.Environment, flagged.Production = "eu", true
	status := func(d dora.Deployment, state string) dora.Event {
		return dora.Event{Status: &dora.Status{ID: 1, State: state, CreatedAt: minute(1), Deployment: d}}
	}
	always := []string{"change_lead_time_seconds", "changes", "deployment_run_seconds", "deployments failure", "deployments success"}
	production := append(slices.Clone(always),
		"change_stage_seconds coding", "change_stage_seconds deploy", "change_stage_seconds review", "failed_deployment_recovery_seconds",
		"change_failures incident", "change_failures revert", "change_failures rollback", "change_failures status",
		"rework_deployments revert", "rework_deployments rollback", "rework_deployments status")
	for name, test := range map[string]struct {
		event  dora.Event
		policy func(*dora.Policy)
		want   []string
	}{
		"a deployment":                   {event: dora.Event{Deployment: &deployment}, want: production},
		"a status that is no outcome":    {event: status(deployment, "inactive"), want: production},
		"a success":                      {event: status(deployment, "success"), want: production},
		"another environment":            {event: status(staging, "success"), want: always},
		"production by GitHub's payload": {event: status(flagged, "queued"), want: production},
		"all causes": {
			event: status(deployment, "queued"), policy: func(p *dora.Policy) { p.HotfixLabels, p.IncidentWindow = dora.MustFilter("hotfix"), time.Hour },
			want: append(slices.Clone(production), "change_failures hotfix", "change_failures window", "rework_deployments hotfix"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, x := newEmptyHistory(t)
				if test.policy != nil {
					test.policy(&p.policy)
				}
				x.arrive(test.event)
				all, err := x.store.Facts(t.Context(), 0, 1000)
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				counted := map[string]bool{}
				for _, f := range all {
					short := strings.TrimSuffix(strings.TrimPrefix(f.Family, "dora_"), "_total")
					key := strings.TrimSpace(short + " " + f.Labels["cause"] + f.Labels["outcome"] + f.Labels["stage"])
					switch {
					case f.Starts() && short != f.Family && strings.HasPrefix(f.Family, "dora_"):
						if counted[key] {
							t.Errorf("%s starts at 0 after it has counted", key)
						}
						got = append(got, key)
					case strings.HasPrefix(f.Family, "dora_"):
						counted[key] = true
					}
				}
				if diff := cmp.Diff(sorted(test.want), sorted(got)); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		})
	}
}

// The series of all states that an incident has passed start at 0 before they count, whatever the order in which its events arrive.
func TestIncidentSeriesStart(t *testing.T) {
	change := func(e dora.Event, project, priority, team string) dora.Event {
		e.Incident.Project, e.Incident.Priority, e.Incident.Teams = project, priority, []string{team}
		return e
	}
	events := []dora.Event{
		change(issue("created", 1, 1, 0), "INC", "High", "Web"),
		change(issue("updated", 2, 1, 0), "INC", "Low", "Web"),
		change(issue("updated", 3, 1, 0), "OPS", "Low", "Core"),
		change(issue("updated", 4, 1, 4), "OPS", "Medium", "Core"),
	}
	want := []string{"jira_incidents INC  Web", "jira_incidents OPS  Core", "jira_incidents_duration_sum INC  Web", "jira_incidents_duration_sum OPS  Core"}
	for _, family := range []string{"dora_incident_recovery_seconds", "dora_incidents_open", "dora_incidents_opened_total"} {
		for _, labels := range []string{"INC High Web", "INC Low Web", "OPS Low Core", "OPS Medium Core"} {
			want = append(want, family+" "+labels)
		}
	}
	for _, order := range someOrders(len(events), 8) {
		synctest.Test(t, func(t *testing.T) {
			_, x := newEmptyHistory(t)
			for _, i := range order {
				x.arrive(events[i])
				x.run(time.Second)
			}
			x.settle()
			var starts, counts []string
			for _, f := range x.all() {
				series := fmt.Sprint(f.Family, " ", f.Labels["project"], " ", f.Labels["priority"], " ", f.Labels["team"])
				switch {
				case f.Starts():
					starts = append(starts, series)
				case !slices.Contains(starts, series):
					t.Errorf("in the order %v, %s counts before it starts", order, series)
				case f.Family != dora.IncidentsOpen:
					counts = append(counts, fmt.Sprint(series, " ", f.Value))
				}
			}
			if diff := cmp.Diff(sorted(want), sorted(starts)); diff != "" {
				t.Errorf("in the order %v: -want +got:\n%s", order, diff)
			}
			counted := []string{
				"dora_incident_recovery_seconds OPS Medium Core 180000", "dora_incidents_opened_total INC High Web 1",
				"jira_incidents OPS  Core 1", "jira_incidents_duration_sum OPS  Core 180000",
			}
			if diff := cmp.Diff(counted, sorted(counts)); diff != "" {
				t.Errorf("counted in the order %v: -want +got:\n%s", order, diff)
			}
		})
	}
}
