package pipeline_test

import (
	"fmt"
	"testing"
	"time"

	"dora-exporter/dora"
)

// interval is the time between two deployments of the long run.
const interval = 8 * dora.Day

// step sends the nth deployment: of two repositories in turn, to production, with what happens to it.
func (x *longRun) step(n int) {
	x.t.Helper()
	k := n / 2
	d := x.deployment(int64(n+1), fmt.Sprint("service-", n%2), commitOf(n))
	switch k % 12 {
	case 3:
		x.end(d, "failure", 0)
		x.want.Failures++
		return
	case 5: // fails after its success
		x.succeed(d, true)
		x.end(d, "failure", time.Hour)
		x.want.Failures++
		x.want.FailedChanges++
	case 6: // repairs it
		x.succeed(d, true)
		x.want.Rework++
	case 7: // deploys the commit before the previous one again
		d.SHA = commitOf(n - 4)
		x.succeed(d, false)
		x.want.FailedChanges++
		x.want.Rollbacks++
		x.want.Rework++
	case 9:
		x.succeed(d, true)
		x.incident(n, d.ID)
	default:
		x.succeed(d, k > 0)
	}
}

// rare sends a deployment of a repository that is deployed hardly ever.
func (x *longRun) rare(id int64) {
	x.t.Helper()
	x.succeed(x.deployment(id, "rare", commitOf(int(id))), x.ranRare)
	x.ranRare = true
}

func commitOf(n int) string { return fmt.Sprintf("%040x", n+1) }

func (x *longRun) deployment(id int64, repository, sha string) dora.Deployment {
	return dora.Deployment{
		Host: "api.github.com", ID: id, Owner: "acme", Repository: repository, RepositoryID: int64(len(repository)) + int64(repository[len(repository)-1]),
		Environment: "production", OriginalEnvironment: "production", SHA: sha, Ref: "main", CreatedAt: x.now,
	}
}

// succeed sends a deployment that succeeds. ships is true if its commit is a change that was not deployed before.
func (x *longRun) succeed(d dora.Deployment, ships bool) {
	x.t.Helper()
	at := x.end(d, "success", time.Minute)
	x.want.Successes++
	x.want.Newest = max(x.want.Newest, at.UnixMilli())
	if ships {
		x.want.Changes++
		x.want.LeadTimes++
		x.want.LeadTime += time.Hour.Milliseconds()
	}
}

// end sends a deployment and a status of it some time later, to which it returns the time.
func (x *longRun) end(d dora.Deployment, state string, after time.Duration) time.Time {
	x.t.Helper()
	x.now = x.now.Add(after).Truncate(time.Second)
	x.statuses++
	status := &dora.Status{Deployment: d, ID: x.statuses, State: state, CreatedAt: x.now}
	if state == "success" {
		x.send(dora.Event{Deployment: &d}, dora.Event{Status: status})
	} else {
		x.send(dora.Event{Status: status})
	}
	return status.CreatedAt
}

// incident sends an incident that names a deployment, and its resolution.
func (x *longRun) incident(n int, deployment int64) {
	x.t.Helper()
	x.now = x.now.Add(time.Hour)
	i := dora.IncidentChange{
		Event: dora.IssueCreated, Host: "jira.example.com", ID: fmt.Sprint(10000 + n), Key: fmt.Sprint("INC-", n), Project: "INC", Type: "Incident",
		Created: x.now, Timestamp: x.now, StatusName: "Open", StatusID: "1", StatusCategory: "new",
		References: []dora.Reference{{Owner: "acme", Repository: fmt.Sprint("service-", n%2), Deployment: deployment}},
	}
	x.send(dora.Event{Incident: &i})
	x.want.Opened++
	x.want.FailedChanges++
	if n < 20 {
		x.want.Open++ // for good
		return
	}
	x.now = x.now.Add(time.Hour)
	done := i
	done.Event, done.Timestamp, done.StatusName, done.StatusID, done.StatusCategory = "jira:issue_updated", x.now, "Done", "6", "done"
	done.ResolutionDate, done.Transition = x.now, &dora.Transition{FromID: "1", From: "Open"}
	x.send(dora.Event{Incident: &done})
	x.want.Resolved++
}

var longRunStart = time.Date(2030, 1, 1, 9, 0, 0, 0, time.UTC)

// until runs the history from one deployment to another one, and removes what is old from time to time.
func (x *longRun) until(from, to int, remove func()) {
	x.t.Helper()
	for n := from; n < to; n++ {
		x.now = longRunStart.Add(time.Duration(n) * interval)
		x.step(n)
		if n%45 == 44 {
			remove()
		}
	}
}

func years(n int) int { return n * 365 * int(dora.Day) / int(interval) }

// growOld runs the history of four years, of which nothing is removed yet.
func (x *longRun) growOld() {
	x.t.Helper()
	mark := x.retention(x.store)
	mark.Keep = 0
	for n := range years(4) {
		x.until(n, n+1, func() {})
		if _, err := mark.RemoveOld(x.t.Context()); err != nil {
			x.t.Fatal(err)
		}
	}
}

// sendAgain sends everything again, which changes nothing.
func (x *longRun) sendAgain() {
	x.t.Helper()
	if duplicates := x.deliver(x.sent...); duplicates != len(x.sent) {
		x.t.Errorf("%d of %d deliveries are duplicates when everything is sent again", duplicates, len(x.sent))
	}
	x.check("after everything was sent again")
}

func TestRetentionOverTenYears(t *testing.T) {
	x := newLongRun(t)
	remove := func() {
		t.Helper()
		x.removeOld()
		x.check(fmt.Sprint("at ", x.now))
	}
	size := func() int64 {
		t.Helper()
		writes, err := x.store.Writes()
		if err != nil {
			t.Fatal(err)
		}
		return writes.Size
	}
	x.rare(1_000_001)
	x.until(0, years(4), remove)
	x.reopen()
	four := size()
	x.until(years(4), years(10), remove)
	x.reopen()
	ten := size()
	t.Logf("%d bytes after four years, %d after ten", four, ten)
	if float64(ten) > 1.5*float64(four) {
		t.Errorf("the store has %d bytes after ten years, and had %d after four", ten, four)
	}
	x.now = x.now.Add(time.Hour)
	x.rare(1_000_002) // is compared with the one ten years before
	x.check("after a deployment that follows one of ten years before")
	x.checkAnotherPolicy()
	for round := range 2 {
		x.sendAgain()
		if round == 0 {
			x.reopen()
		}
	}
}
