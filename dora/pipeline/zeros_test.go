package pipeline_test

import (
	"fmt"
	"maps"
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

// The recovery of an open incident starts at 0 under the labels that it would be observed with, even if they change.
func TestIncidentRecoveryZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, x := newEmptyHistory(t)
		lower := issue("updated", 2, 1, 0)
		lower.Incident.Priority = "Low"
		x.arrive(issue("created", 1, 1, 0), lower, issue("updated", 3, 1, 3))
		x.settle()
		all, err := x.store.Facts(t.Context(), 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range all {
			if f.Family == dora.IncidentRecovery {
				got = append(got, fmt.Sprint(f.Labels["priority"], " ", f.Starts(), " ", f.Value))
			}
		}
		if want := []string{"High true 0", "Low true 0", "High false 120000"}; !slices.Equal(got, want) {
			t.Errorf("the facts are %q, want %q", got, want)
		}
	})
}

// The series of open incidents is there in whatever order an incident's events arrive, with 0 if its resolution arrives first.
func TestOpenIncidentsZero(t *testing.T) {
	for _, order := range someOrders(2, 2) {
		synctest.Test(t, func(t *testing.T) {
			_, x := newEmptyHistory(t)
			events := []dora.Event{issue("created", 1, 1, 0), issue("updated", 3, 1, 3)}
			for _, i := range order {
				x.arrive(events[i])
				x.run(time.Second)
			}
			x.settle()
			all, err := x.store.Facts(t.Context(), 0, 1000)
			if err != nil {
				t.Fatal(err)
			}
			series, sum := map[string]bool{}, int64(0)
			for _, f := range all {
				if f.Family == dora.IncidentsOpen {
					series[f.Labels.Key()] = true
					sum += f.Value
				}
			}
			if len(series) != 1 || sum != 0 {
				t.Errorf("in the order %v, the sum of the series %v is %d, want one with 0", order, slices.Collect(maps.Keys(series)), sum)
			}
		})
	}
}
