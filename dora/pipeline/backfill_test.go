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

// backfilled returns an event as a backfill brings it.
func backfilled(e dora.Event) dora.Event {
	e.Backfilled = true
	return e
}

// unnumbered returns a backfilled status of which the number is not known, the nth of its deployment.
func unnumbered(e dora.Event, n, ordinal int) dora.Event {
	s := *e.Status
	s.ID, s.Ordinal = dora.UnnumberedStatus(s.Deployment.ID, n), ordinal
	return dora.Event{Status: &s, Backfilled: true}
}

// counted returns what the facts of families add up to, in live series and in History; without zeros.
func (x *exporter) counted(families ...string) (lines []string) {
	x.t.Helper()
	sums := map[string]int64{}
	for _, f := range x.all() {
		if !slices.Contains(families, f.Family) || f.Starts() {
			continue
		}
		where, label := "live", f.Labels["outcome"]+f.Labels["cause"]+f.Labels["status"]
		if f.Labels.InHistory() {
			where = "history"
		}
		sums[strings.Join(strings.Fields(where+" "+f.Family+" "+label), " ")] += f.Value
	}
	for line, n := range sums {
		if n != 0 {
			lines = append(lines, fmt.Sprintf("%s %d", line, n))
		}
	}
	slices.Sort(lines)
	return lines
}

// The store was created half an hour after nine. Times are minutes after nine; V1, V2 and V3 are commits in a line.
func TestBackfill(t *testing.T) {
	ship := func(id int64, sha string, minute int) dora.Event { return deployed(id, sha, "success", minute) }
	reverts := func(w *repository) {
		w.changes["V2"] = dora.Change{Origin: dora.Origin{PullRequest: 2, FirstCommit: morning}}
		w.changes["V3"] = dora.Change{Origin: dora.Origin{PullRequest: 3, FirstCommit: morning, Reverts: []string{"#2"}}}
	}
	for name, test := range map[string]struct {
		repository func(*repository)
		// batches arrive one after another, each when the one before has been evaluated.
		batches  [][]dora.Event
		families []string
		want     []string
	}{
		"the first live deployment follows the last one of History": {
			batches:  [][]dora.Event{{backfilled(ship(1, "V1", 10)), backfilled(ship(2, "V2", 20)), ship(3, "V3", 40)}},
			families: []string{dora.Deployments, dora.Changes},
			want:     []string{"history dora_changes_total 2", "history dora_deployments_total success 2", "live dora_changes_total 1", "live dora_deployments_total success 1"},
		},
		"a live deployment that was the first ever follows what is read later": {
			repository: func(w *repository) {
				w.changes["V2"] = dora.Change{Origin: dora.Origin{PullRequest: 2, FirstCommit: morning}}
			},
			batches:  [][]dora.Event{{ship(3, "V3", 40)}, {backfilled(ship(1, "V1", 10))}},
			families: []string{dora.Deployments, dora.Changes},
			want:     []string{"history dora_changes_total 1", "history dora_deployments_total success 1", "live dora_changes_total 2", "live dora_deployments_total success 1"},
		},
		"what is younger than the store is live": {
			batches:  [][]dora.Event{{backfilled(ship(1, "V1", 29)), backfilled(ship(2, "V2", 30))}},
			families: []string{dora.Deployments, dora.DeploymentsTotal},
			want: []string{
				"history dora_deployments_total success 1", "history github_deployments_total success 1",
				"live dora_deployments_total success 1", "live github_deployments_total success 1",
			},
		},
		"a webhook is live whatever its age": {
			batches:  [][]dora.Event{{ship(1, "V1", 10)}},
			families: []string{dora.Deployments, dora.DeploymentsTotal},
			want:     []string{"live dora_deployments_total success 1", "live github_deployments_total success 1"},
		},
		"a webhook of what a backfill has brought": {
			batches:  [][]dora.Event{{unnumbered(ship(1, "V1", 10), 0, 0)}, {ship(1, "V1", 10)}},
			families: []string{dora.Deployments, dora.DeploymentsTotal},
			want:     []string{"history dora_deployments_total success 1", "history github_deployments_total success 1"},
		},
		"a backfill of what a webhook has brought": {
			batches:  [][]dora.Event{{ship(1, "V1", 10)}, {unnumbered(ship(1, "V1", 10), 0, 0)}},
			families: []string{dora.Deployments, dora.DeploymentsTotal},
			want:     []string{"live dora_deployments_total success 1", "live github_deployments_total success 1"},
		},
		"two statuses of the same second, of which a webhook had brought one": {
			batches: [][]dora.Event{
				{deployed(1, "V1", "inactive", 10)}, {unnumbered(deployed(1, "V1", "inactive", 10), 0, 0), unnumbered(deployed(1, "V1", "inactive", 10), 1, 1)},
			},
			families: []string{dora.DeploymentsTotal},
			want:     []string{"history github_deployments_total inactive 1", "live github_deployments_total inactive 1"},
		},
		"two statuses of the same second, of which webhooks bring three later": {
			batches: [][]dora.Event{
				{unnumbered(deployed(1, "V1", "queued", 10), 0, 0), unnumbered(deployed(1, "V1", "queued", 10), 1, 1)},
				{renumbered(deployed(1, "V1", "queued", 10), 71), renumbered(deployed(1, "V1", "queued", 10), 72), renumbered(deployed(1, "V1", "queued", 10), 73)},
			},
			families: []string{dora.DeploymentsTotal},
			want:     []string{"history github_deployments_total queued 2", "live github_deployments_total queued 1"},
		},
		"a live revert of a change of History: the failure is of then, the rework of now": {
			repository: reverts,
			batches:    [][]dora.Event{{backfilled(ship(1, "V1", 10)), backfilled(ship(2, "V2", 20)), ship(3, "V3", 40)}},
			families:   []string{dora.ChangeFailures, dora.Recovery, dora.ReworkDeployments},
			want: []string{
				"history dora_change_failures_total revert 1", "history dora_failed_deployment_recovery_seconds 1200000",
				"live dora_rework_deployments_total revert 1",
			},
		},
		"a failure before, and a success after the store was created": {
			batches:  [][]dora.Event{{backfilled(deployed(1, "V1", "failure", 10)), deployed(1, "V1", "success", 40)}},
			families: []string{dora.Deployments},
			want:     []string{"history dora_deployments_total failure 1", "live dora_deployments_total success 1"},
		},
		"deployments of History start no series": {
			batches:  [][]dora.Event{{backfilled(ship(1, "V1", 10))}},
			families: nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, x := newEmptyHistory(t)
				x.created = morning.Add(30 * time.Minute)
				if test.repository != nil {
					test.repository(p.repos["web"])
				}
				for _, batch := range test.batches {
					x.arrive(batch...)
					x.settle()
				}
				if diff := cmp.Diff(test.want, x.counted(test.families...)); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
				started := 0
				for _, f := range x.all() {
					if f.Starts() {
						started++
					}
				}
				if hasLive := slices.ContainsFunc(test.want, func(l string) bool { return strings.HasPrefix(l, "live") }); hasLive != (started > 0) {
					t.Errorf("%d series start at 0", started)
				}
			})
		})
	}
}

// renumbered returns a status with another number.
func renumbered(e dora.Event, id int64) dora.Event {
	s := *e.Status
	s.ID = id
	return dora.Event{Status: &s}
}

// An incident that a backfill brought counts in History as far as it happened before the store was created, half an hour after nine.
func TestBackfilledIncident(t *testing.T) {
	families := []string{dora.Incidents, dora.IncidentsOpened, dora.IncidentsOpen, dora.IncidentRecovery}
	opened := backfilled(incident(dora.IssueCreated, 0, nil))
	resolve := func(minute int) dora.Event {
		return incident("jira:issue_updated", time.Duration(minute)*time.Minute, resolvedAt(time.Duration(minute)*time.Minute))
	}
	for name, test := range map[string]struct {
		batches [][]dora.Event
		want    []string
		starts  []string // of the families that start at 0
	}{
		"resolved before": {
			batches: [][]dora.Event{{opened, backfilled(resolve(20))}},
			want:    []string{"history dora_incident_recovery_seconds 1200000", "history dora_incidents_opened_total 1", "history jira_incidents 1"},
		},
		"still open: that is so now": {
			batches: [][]dora.Event{{opened}},
			want:    []string{"history dora_incidents_opened_total 1", "live dora_incidents_open 1"},
			starts:  []string{dora.IncidentRecovery},
		},
		"resolved by a webhook": {
			batches: [][]dora.Event{{opened}, {resolve(50)}},
			want:    []string{"history dora_incidents_opened_total 1", "live dora_incident_recovery_seconds 3000000", "live jira_incidents 1"},
			starts:  families,
		},
		"a webhook of an edit before the backfill": {
			batches: [][]dora.Event{
				{incident("jira:issue_updated", 45*time.Minute, resolvedAt(20*time.Minute))}, {opened, backfilled(resolve(20))},
			},
			want: []string{"history dora_incident_recovery_seconds 1200000", "history dora_incidents_opened_total 1", "history jira_incidents 1"},
		},
		"a webhook of the creation before the backfill": {
			batches: [][]dora.Event{{incident(dora.IssueCreated, 0, nil)}, {opened, backfilled(resolve(20))}},
			want:    []string{"live dora_incident_recovery_seconds 1200000", "live dora_incidents_opened_total 1", "live jira_incidents 1"},
			starts:  []string{dora.IncidentRecovery, dora.IncidentsOpen, dora.IncidentsOpened, dora.Incidents},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				_, x := newEmptyHistory(t)
				x.created = morning.Add(30 * time.Minute)
				for _, batch := range test.batches {
					x.arrive(batch...)
					x.settle()
				}
				if diff := cmp.Diff(test.want, x.counted(families...)); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
				var starts []string
				for _, f := range x.all() {
					if f.Starts() && slices.Contains(families, f.Family) {
						starts = append(starts, f.Family)
					}
				}
				if diff := cmp.Diff(sorted(test.starts), sorted(starts)); diff != "" {
					t.Errorf("starts at 0: -want +got:\n%s", diff)
				}
			})
		})
	}
}
