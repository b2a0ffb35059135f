package pipeline_test

import (
	"regexp"
	"testing"
	"time"

	"dora-exporter/dora"
)

// What a deployment counts for stays in its day when those that it followed have been removed.
func TestDaysAfterARemoval(t *testing.T) {
	for name, change := range map[string]func(*longRun){
		"another deployment": func(x *longRun) { x.deploy(4, "web", 4, true) },
		"another policy":     func(x *longRun) { x.rules.Policy.IgnoreAuthors = []string{"nobody"}; x.makeDays() },
	} {
		t.Run(name, func(t *testing.T) {
			x := newLongRun(t)
			d := x.deploy(2, "web", 2, false)
			x.end(d, "failure", time.Hour)
			x.want.Failures, x.want.FailedChanges = 1, 1
			x.later(1)
			x.deploy(3, "web", 3, true) // repairs it
			x.want.Rework = 1
			x.later(800)
			if x.known(d.Key()) || !x.known("api.github.com/3") {
				t.Fatalf("the failed change is known: %t; its repair: %t", x.known(d.Key()), x.known("api.github.com/3"))
			}
			change(x)
			x.later(1)
		})
	}
}

// A backfill of what is older than what was removed gets into the report, in a scope of which something was removed and in a new one.
func TestBackfillBeforeARemoval(t *testing.T) {
	x := newLongRun(t)
	x.deploy(1, "web", 1, false)
	x.later(1)
	x.deploy(2, "web", 2, true)
	x.later(800)
	if x.known("api.github.com/1") {
		t.Fatal("nothing was removed")
	}
	x.rules.StoreCreated = longRunStart.Add(-time.Hour)
	for n, repository := range []string{"web", "new"} {
		failed := x.deployment(int64(50+n), repository, commitOf(50+n))
		failed.CreatedAt = longRunStart.Add(-2 * dora.Day)
		repair := x.deployment(int64(60+n), repository, commitOf(60+n))
		repair.CreatedAt = failed.CreatedAt.Add(time.Hour)
		status := func(d dora.Deployment, state string, minutes int) dora.Event {
			at := d.CreatedAt.Add(time.Duration(minutes) * time.Minute)
			return dora.Event{Backfilled: true, Status: &dora.Status{Deployment: d, ID: dora.UnnumberedStatus(d.ID, minutes), State: state, CreatedAt: at}}
		}
		x.send(status(failed, "success", 1), status(failed, "failure", 2), status(repair, "success", 1))
	}
	x.want.Successes += 4
	x.want.Failures += 2
	x.want.FailedChanges += 2
	x.want.Rework += 2
	x.want.Changes += 2
	x.want.LeadTimes += 2
	x.want.LeadTime += 2 * time.Hour.Milliseconds()
	x.check("after the backfill")
	x.checkAnotherPolicy()
}

// A deployment stays that an incident was found to be about by a later event, after another one had been marked as a failed change.
func TestTargetOfAnIncidentStays(t *testing.T) {
	x := newLongRun(t)
	x.deploy(1, "service-0", 1, false)
	x.deploy(2, "service-0", 2, true)
	d := x.deploy(3, "service-0", 3, true)
	x.incident(0, 1) // stays open
	i := *x.sent[len(x.sent)-1].Incident
	x.now = x.now.Add(time.Hour)
	i.Event, i.Timestamp = dora.IssueUpdated, x.now
	i.References = []dora.Reference{{Owner: "acme", Repository: "service-0", Deployment: d.ID}}
	x.send(dora.Event{Incident: &i})
	x.check("after the update")
	x.deploy(4, "service-0", 4, true)
	x.later(1000)
	x.deploy(5, "service-0", 5, true)
	x.later(1)
	if !x.known(d.Key()) {
		t.Error("the deployment is not known")
	}
	x.checkAnotherPolicy()
}

// A deployment counts once in the days if its environment becomes a production environment after what it followed was removed.
func TestProductionAfterARemoval(t *testing.T) {
	x := newLongRun(t)
	deploy := func(id int64, ships bool) dora.Deployment {
		d := x.deployment(id, "web", commitOf(int(id)))
		d.Environment, d.OriginalEnvironment = "special", "special"
		x.succeed(d, ships)
		return d
	}
	deploy(1, false)
	x.later(1)
	d := deploy(2, true)
	x.later(800)
	x.deploy(3, "other", 3, false)
	x.later(1)
	if x.known("api.github.com/1") {
		t.Fatal("nothing was removed")
	}
	x.rules.Policy.Production = []*regexp.Regexp{regexp.MustCompile("special")}
	x.end(d, "failure", time.Minute)
	x.want.Failures++
	x.want.FailedChanges++
	x.check("after a late failure")
}
