package pipeline_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// burstPause is a history of one repository in which nothing has happened yet.
func burstPause(t *testing.T) (*past, *exporter) {
	t.Helper()
	p := &past{repos: map[string]*world{"web": newWorld("V1", "V2", "V3"), "api": newWorld("W1", "W2")}, teams: teams{"web": "A", "api": "B", "INC": "A"}}
	p.policy = p.repos["web"].policy
	p.policy.Settle = settleTime
	return p, &exporter{t: t, past: p, store: openStoreInMemory(t)}
}

func wantFamily(t *testing.T, x *exporter, when, family string, values ...string) {
	t.Helper()
	var got []string
	for _, l := range ofFamily(x.told(), family) {
		labels, value, _ := strings.Cut(l[len(family)+1:], "} ")
		for pair := range strings.SplitSeq(labels, ",") {
			if v, ok := strings.CutPrefix(pair, "cause="); ok {
				value = strings.Trim(v, `"`) + " " + value
			}
		}
		got = append(got, value)
	}
	if !slices.Equal(values, got) {
		t.Errorf("%s: %s %q, want %q", when, family, got, values)
	}
}

// Where issues change all the time, those that name nothing of a repository don't hold up its marks.
func TestOtherIssuesHoldNothingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, x := burstPause(t)
		x.arrive(deployed(1, "V1", "success", 10), deployed(1, "V1", "failure", 15))
		for i := range 20 {
			other := issue("updated", i, 1, 0, dora.Reference{Owner: "acme", Repository: "api", Deployment: 9})
			other.Incident.ID = fmt.Sprint(i % 3)
			x.arrive(other)
			x.run(20 * time.Second)
		}
		wantFamily(t, x, "while other issues change", dora.ChangeFailures, "status 1")
	})
}

// The first resolution counts, also when a later one arrives first and the deployment is looked at in between.
func TestTheFirstResolutionEndsARecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, x := burstPause(t)
		names := dora.Reference{Owner: "acme", Repository: "web", Deployment: 1}
		x.arrive(deployed(1, "V1", "success", 10), issue("created", 20, 20, 0, names))
		x.settle()
		wantFamily(t, x, "open", dora.ChangeFailures, "incident 1")
		x.arrive(deployed(2, "V2", "success", 95))
		x.run(settleTime - time.Second)
		x.arrive(issue("updated", 90, 20, 90, names)) // the second one
		x.run(time.Minute)                            // the deployment is looked at
		x.arrive(issue("updated", 60, 20, 60, names)) // the first one
		x.settle()
		wantFamily(t, x, "resolved", dora.Recovery, fmt.Sprint(50*60_000))
		wantFamily(t, x, "resolved", dora.IncidentRecovery, fmt.Sprint(40*60_000))
		wantFamily(t, x, "resolved", dora.ReworkDeployments)
	})
}

// An incident that names a SHA alone may be about any repository: what it shows does not depend on which of them GitHub tells
// about first.
func TestABareSHAWaitsForAllRepositories(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, x := burstPause(t)
		p.repos["web"].changes["V2"] = dora.Change{Origin: dora.Origin{FirstCommit: morning, PullRequest: 2}, Commits: []string{"abcdef01"}}
		end := time.Now().Add(5 * time.Minute)
		p.repos["web"].down = func(dora.Comparison) error {
			if time.Now().Before(end) {
				return errors.New("502")
			}
			return nil
		}
		x.arrive(
			deployed(1, "V1", "success", 10), deployed(2, "V3", "success", 20), deployed(2, "V3", "failure", 40),
			issue("created", 30, 30, 0, dora.Reference{Commit: "abcdef0"}),
		)
		x.run(4 * time.Minute)
		wantFamily(t, x, "while GitHub is down", dora.ChangeFailures)
		x.settle()
		wantFamily(t, x, "after", dora.ChangeFailures, "incident 1")
		if x.late > 0 {
			t.Errorf("%d events were late", x.late)
		}
	})
}

// After a rollback, the next deployment ships the hotfix of before again, and a new one.
func TestANewHotfixBesideAnOldOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, x := burstPause(t)
		p.policy.HotfixBranches = dora.MustFilter("hotfix/*")
		for i, sha := range []string{"V2", "V3"} {
			p.repos["web"].changes[sha] = dora.Change{Origin: dora.Origin{FirstCommit: morning, PullRequest: 2 + i, Branch: "hotfix/x"}}
		}
		x.arrive(deployed(1, "V1", "success", 10), deployed(2, "V2", "success", 20), deployed(3, "V1", "success", 30), deployed(4, "V3", "success", 40))
		x.settle()
		wantFamily(t, x, "settled", dora.ChangeFailures, "hotfix 1", "hotfix 1", "rollback 1")
	})
}

// The first event of a repository and environment starts its counters at 0, of whatever kind it is.
func TestMeasuresStartAtZero(t *testing.T) {
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
				p, x := burstPause(t)
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
					case strings.HasPrefix(f.Subject, "zero:") && short != f.Family && strings.HasPrefix(f.Family, "dora_"):
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

// The recovery of an open incident starts at 0 under the labels that it would be observed with, also when they change.
func TestTheRecoveryOfAnIncidentStartsAtZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, x := burstPause(t)
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

// What is opened is counted once, and what is open follows the issue.
func TestIncidentsOpenedAndOpen(t *testing.T) {
	const opened, open = "opened", "open"
	at := func(event string, minute int, change func(*dora.IncidentChange)) dora.Event {
		e := issue(event, minute, 1, 0)
		e.Incident.StatusCategory = "new"
		if change != nil {
			change(e.Incident)
		}
		return e
	}
	moved := func(c *dora.IncidentChange) { c.Project, c.Key = "OPS", "OPS-3" }
	low := func(c *dora.IncidentChange) { c.Priority = "Low" }
	labelled := func(c *dora.IncidentChange) { c.IssueLabels = []string{"Outage"} }
	done := func(c *dora.IncidentChange) { c.StatusCategory, c.ResolutionDate = "done", minute(5) }
	for name, test := range map[string]struct {
		filter dora.IncidentFilter
		events []dora.Event
		want   []string
	}{
		"opened":                 {events: []dora.Event{at("created", 1, nil)}, want: []string{opened + " High INC", open + " High INC"}},
		"opened twice":           {events: []dora.Event{at("created", 1, nil), at("created", 1, nil)}, want: []string{opened + " High INC", open + " High INC"}},
		"only an update is seen": {events: []dora.Event{at("updated", 3, low)}, want: []string{opened + " Low INC", open + " Low INC"}},
		"moved":                  {events: []dora.Event{at("created", 1, nil), at("updated", 3, moved)}, want: []string{opened + " High INC", open + " High OPS"}},
		"of another priority":    {events: []dora.Event{at("created", 1, nil), at("updated", 3, low)}, want: []string{opened + " High INC", open + " Low INC"}},
		"resolved":               {events: []dora.Event{at("created", 1, nil), at("updated", 5, done)}, want: []string{opened + " High INC"}},
		"reopened": {
			events: []dora.Event{at("created", 1, nil), at("updated", 5, done), at("updated", 6, nil)}, want: []string{opened + " High INC", open + " High INC"},
		},
		"deleted":   {events: []dora.Event{at("created", 1, nil), at("deleted", 5, nil)}, want: []string{opened + " High INC"}},
		"no urgent": {filter: dora.IncidentFilter{Priorities: []string{"urgent"}}, events: []dora.Event{at("created", 1, nil)}},
		"upper and lower case": {
			filter: dora.IncidentFilter{Priorities: []string{"high"}}, events: []dora.Event{at("created", 1, nil)}, want: []string{opened + " High INC", open + " High INC"},
		},
		"one becomes an incident": {
			filter: dora.IncidentFilter{Labels: []string{"outage"}}, events: []dora.Event{at("created", 1, nil), at("updated", 3, labelled)},
			want: []string{opened + " High INC", open + " High INC"},
		},
		"and stays one": {
			filter: dora.IncidentFilter{Labels: []string{"outage"}}, events: []dora.Event{at("created", 1, labelled), at("updated", 3, low)},
			want: []string{opened + " High INC", open + " Low INC"},
		},
		"all lists have to match": {
			filter: dora.IncidentFilter{Labels: []string{"outage"}, Priorities: []string{"Low"}}, events: []dora.Event{at("created", 1, labelled)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for order := range permutations(len(test.events)) {
					p, x := burstPause(t)
					p.policy.Incidents = test.filter
					for _, i := range order {
						x.arrive(test.events[i])
						x.run(time.Second)
					}
					x.settle()
					var got []string
					for _, l := range x.told() {
						if !strings.Contains(l, "incident_recovery") {
							_, labels, _ := strings.Cut(strings.NewReplacer(`"`, "", "priority=", "", "project=", "", ",", " ").Replace(l), "{")
							word := open
							if strings.HasPrefix(l, dora.IncidentsOpened) {
								word = opened
							}
							labels, _, _ = strings.Cut(labels, " team")
							got = append(got, word+" "+labels)
						}
					}
					if diff := cmp.Diff(sorted(test.want), sorted(got)); diff != "" {
						t.Errorf("in the order %v: -want +got:\n%s", order, diff)
					}
				}
			})
		})
	}
}
