package pipeline_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
)

// later removes what is old some days later, twice, since some records go after others.
func (x *longRun) later(days int) {
	x.t.Helper()
	x.now = x.now.Add(time.Duration(days) * dora.Day)
	for range 2 {
		x.removeOld()
	}
	x.check(fmt.Sprint("at ", x.now))
}

// deploy sends the success of a new commit of a repository.
func (x *longRun) deploy(id int64, repository string, n int, ships bool) dora.Deployment {
	x.t.Helper()
	d := x.deployment(id, repository, commitOf(n))
	x.succeed(d, ships)
	return d
}

func (x *longRun) known(key string) (known bool) {
	x.t.Helper()
	_, known, err := x.store.Deployment(x.t.Context(), key)
	if err != nil {
		x.t.Fatal(err)
	}
	return known
}

func TestEventOfARemovedDeployment(t *testing.T) {
	x := newLongRun(t)
	d := x.deploy(1, "web", 1, false)
	x.later(1)
	x.deploy(2, "web", 2, true)
	x.later(900)
	x.deploy(3, "web", 3, true)
	x.later(1)
	if x.known(d.Key()) || !x.known("api.github.com/2") {
		t.Fatalf("the first deployment is known: %t; the one before the retention: %t", x.known(d.Key()), x.known("api.github.com/2"))
	}
	var log bytes.Buffer
	x.rules.Logger = slog.New(slog.NewTextHandler(&log, nil))
	before := total(x, dora.DeploymentsTotal)
	x.end(d, "failure", time.Minute) // it had not failed before
	x.check("after a late status")
	if after := total(x, dora.DeploymentsTotal); after != before+1 {
		t.Errorf("github_deployments_total is %d, want %d", after, before+1)
	}
	if !strings.Contains(log.String(), "storage.retention has removed") {
		t.Errorf("the log is\n%s", log.String())
	}
	if x.known(d.Key()) {
		t.Error("the deployment is known again")
	}
}

// What days are made of stays until they are made, and is removed soon after that.
func TestRemovalWaitsForDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newLongRun(t)
		x.leavesDays = true
		d := x.deploy(1, "web", 1, false)
		x.later(1)
		x.deploy(2, "web", 2, true)
		x.later(900)
		x.deploy(3, "web", 3, true)
		x.later(1)
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { x.retention(x.store).Run(ctx) })
		defer run.Wait()
		defer cancel()
		time.Sleep(10 * time.Minute)
		if removed, err := x.store.Removal(t.Context()); err != nil || removed != (dora.Removal{}) || !x.known(d.Key()) {
			t.Fatalf("before its days are made, the first deployment is known: %t, removed is %+v, %v", x.known(d.Key()), removed, err)
		}
		x.makeDays()
		time.Sleep(time.Minute)
		if x.known(d.Key()) {
			t.Error("the first deployment has not been removed")
		}
	})
}

// A deployment whose days can't be made anew still becomes a failed change, and a repaired one.
func TestLateFailureBeforeARemoval(t *testing.T) {
	x := newLongRun(t)
	x.deploy(1, "web", 1, false)
	x.later(1)
	d := x.deploy(2, "web", 2, true)
	x.later(900)
	x.end(d, "failure", time.Minute) // it still runs
	x.want.Failures++
	x.want.FailedChanges++
	x.later(1)
	x.deploy(3, "web", 3, true)
	x.want.Rework++
	x.later(1)
}

func total(x *longRun, family string) (n int64) {
	for _, series := range x.values()[family] {
		n += series.Own
	}
	return n
}

// A failed change stays until something repairs it, however late.
func TestUnrepairedFailedChangeStays(t *testing.T) {
	x := newLongRun(t)
	x.deploy(1, "web", 1, false)
	d := x.deploy(2, "web", 2, true)
	x.end(d, "failure", time.Hour)
	x.want.Failures++
	x.want.FailedChanges++
	x.deploy(9, "other", 9, false)
	x.later(1000)
	x.deploy(10, "other", 10, true)
	x.later(1000)
	if !x.known(d.Key()) || x.known("api.github.com/1") {
		t.Errorf("the failed change is known: %t, the one before it: %t", x.known(d.Key()), x.known("api.github.com/1"))
	}
	x.deploy(3, "web", 3, true)
	x.want.Rework++
	x.check("after the repair")
}

// An incident that is open stays, with the deployment that it names, until it is resolved.
func TestOpenIncidentStays(t *testing.T) {
	x := newLongRun(t)
	d := x.deploy(1, "service-0", 1, false)
	x.incident(0, d.ID) // stays open
	for n := 2; n < 6; n++ {
		x.deploy(int64(n), "service-0", n, true)
		x.later(400)
	}
	if !x.known(d.Key()) {
		t.Error("the deployment is not known")
	}
	first := *x.sent[2].Incident
	x.now = x.now.Add(time.Hour)
	first.Event, first.Timestamp, first.StatusName, first.StatusID, first.StatusCategory = "jira:issue_updated", x.now, "Done", "6", "done"
	first.ResolutionDate, first.Transition = x.now, &dora.Transition{FromID: "1", From: "Open"}
	x.send(dora.Event{Incident: &first})
	x.want.Open, x.want.Resolved = 0, 1
	x.check("after the resolution")
	x.later(1000)
	x.deploy(50, "service-0", 50, true)
	x.later(1)
	if x.known(d.Key()) {
		t.Error("the deployment is still known")
	}
	x.now = x.now.Add(time.Hour) // opened again
	first.Timestamp, first.StatusName, first.StatusID, first.StatusCategory, first.ResolutionDate = x.now, "Open", "1", "new", time.Time{}
	x.send(dora.Event{Incident: &first})
	x.check("after an event of a removed incident")
}

// An incident whose resolution arrives years late stays for as long as the delivery that told of it.
func TestLateResolutionStays(t *testing.T) {
	x := newLongRun(t)
	change := dora.IncidentChange{
		Event: dora.IssueCreated, Host: "jira.example.com", ID: "7", Key: "INC-7", Project: "INC", Type: "Incident", Created: x.now, Timestamp: x.now,
		StatusName: "Open", StatusID: "1", StatusCategory: "new",
	}
	resolved := change
	x.send(dora.Event{Incident: &change})
	x.want.Opened, x.want.Open = 1, 1
	x.deploy(1, "web", 1, false)
	x.later(1000)
	resolved.Event, resolved.Timestamp, resolved.ResolutionDate = dora.IssueUpdated, change.Created.Add(time.Hour), change.Created.Add(time.Hour)
	resolved.StatusName, resolved.StatusID, resolved.StatusCategory, resolved.Transition = "Done", "6", "done", &dora.Transition{FromID: "1", From: "Open"}
	x.send(dora.Event{Incident: &resolved})
	x.makeDays()
	if removed := x.removeOld(); removed.Incidents != 0 {
		t.Errorf("removed %+v", removed)
	}
}

// The first run of a commit that runs again stays: whether a deployment takes another one back depends on it.
func TestFirstRunStays(t *testing.T) {
	x := newLongRun(t)
	x.deploy(1, "web", 1, false)
	x.later(100)
	x.deploy(2, "web", 2, true)
	x.later(100)
	x.deploy(3, "web", 3, true)
	x.later(100)
	again := x.deployment(4, "web", commitOf(2)) // takes 3 back
	x.succeed(again, false)
	x.want.FailedChanges++
	x.want.Rollbacks++
	x.want.Rework++
	x.later(600) // 2 is old, 3 and 4 are not
	if x.known("api.github.com/1") || !x.known("api.github.com/2") || !x.known("api.github.com/3") {
		t.Errorf("these are known: %t, %t, %t", x.known("api.github.com/1"), x.known("api.github.com/2"), x.known("api.github.com/3"))
	}
	x.want.Newest = x.end(again, "success", time.Minute).UnixMilli() // is evaluated again: takes nothing else back
	x.later(1)
}

// The first run of the commit that is running stays: going back to a newer commit, which was taken back before, is no rollback.
func TestFirstRunOfTheRunningCommitStays(t *testing.T) {
	for name, days := range map[string]int{"evaluated after the removal": 800, "made anew after it": 40} {
		t.Run(name, func(t *testing.T) {
			x := newLongRun(t)
			first := x.deploy(1, "web", 1, false)
			x.later(1)
			x.deploy(2, "web", 2, true)
			x.later(1)
			x.succeed(x.deployment(3, "web", commitOf(1)), false) // takes 2 back
			x.want.FailedChanges, x.want.Rollbacks, x.want.Rework = 1, 1, 1
			x.later(days)
			x.succeed(x.deployment(4, "web", commitOf(2)), false)
			x.later(780 - days) // the first three are old
			if !x.known(first.Key()) {
				t.Error("the first deployment is not known")
			}
			x.checkAnotherPolicy()
		})
	}
}

// What followed a failed change that nothing has repaired stays, too: going back to that takes it back.
func TestRunAfterAnUnrepairedFailedChangeStays(t *testing.T) {
	x := newLongRun(t)
	d := x.deploy(1, "service-0", 1, false)
	x.incident(0, d.ID) // stays open
	next := x.deploy(2, "service-0", 2, true)
	x.deploy(3, "service-0", 3, true)
	newest := x.deploy(4, "service-0", 4, true)
	x.end(newest, "failure", time.Hour)
	x.want.Failures++
	x.want.FailedChanges++
	x.deploy(9, "other", 9, false)
	x.later(1000)
	x.deploy(10, "other", 10, true)
	x.later(1)
	if !x.known(d.Key()) || !x.known(next.Key()) || x.known("api.github.com/3") {
		t.Errorf("these are known: %t, %t, %t", x.known(d.Key()), x.known(next.Key()), x.known("api.github.com/3"))
	}
	x.succeed(x.deployment(5, "service-0", commitOf(1)), false) // takes the second one back
	x.want.FailedChanges++
	x.want.Rollbacks++
	x.want.Rework++
	x.check("after the rollback")
}

// So does what followed a deployment that an incident names which is not old.
func TestRunAfterANamedDeploymentStays(t *testing.T) {
	x := newLongRun(t)
	x.deploy(1, "service-0", 1, false)
	d := x.deploy(2, "service-0", 2, true)
	next := x.deploy(3, "service-0", 3, true)
	x.deploy(4, "service-0", 4, true)
	newest := x.deploy(5, "service-0", 5, true)
	x.end(newest, "failure", time.Hour)
	x.want.Failures++
	x.want.FailedChanges++
	x.later(700)
	x.incident(20, d.ID)
	x.later(100)
	if !x.known(d.Key()) || !x.known(next.Key()) || x.known("api.github.com/4") {
		t.Errorf("these are known: %t, %t, %t", x.known(d.Key()), x.known(next.Key()), x.known("api.github.com/4"))
	}
	x.succeed(x.deployment(6, "service-0", commitOf(2)), false) // takes the third one back
	x.want.FailedChanges++
	x.want.Rollbacks++
	x.want.Rework++
	x.check("after the rollback")
}
