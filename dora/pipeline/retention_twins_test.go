package pipeline_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"dora-exporter/dora"
	"dora-exporter/report"
)

// twins are two exporters that get the same events at the same times. One of them removes what is older than twinsKeep.
type twins struct {
	t              *testing.T
	random         *rand.Rand
	keeps, removes *longRun
	now            time.Time
	// open are the incidents that are not resolved.
	deployments []dora.Deployment
	open        []dora.IncidentChange
	statuses    int64
	// log says what was sent.
	log []string
}

const (
	twinsKeep = 90 * dora.Day
	// twinsLookBack is how old may be what events are about.
	twinsLookBack = 60 * dora.Day
)

func newTwins(t *testing.T, seed uint64) *twins {
	w := &twins{t: t, random: rand.New(rand.NewPCG(seed, 1)), keeps: newLongRun(t), removes: newLongRun(t), now: longRunStart}
	for _, x := range []*longRun{w.keeps, w.removes} {
		x.rules.Policy.IncidentWindow = 2 * time.Hour
	}
	return w
}

// send sends an event to both.
func (w *twins) send(what string, e dora.Event) {
	w.t.Helper()
	w.log = append(w.log, dora.FormatTime(w.now)+" "+what)
	for _, x := range []*longRun{w.keeps, w.removes} {
		x.now = w.now
		x.send(e)
	}
}

// step sends the nth event.
func (w *twins) step(n int) {
	w.t.Helper()
	gaps := []time.Duration{time.Minute, time.Hour, dora.Day, 10 * dora.Day, 40 * dora.Day}
	w.now = w.now.Add(gaps[w.random.IntN(len(gaps))])
	switch w.random.IntN(10) {
	case 0, 1, 2, 3:
		w.deploy(commitOf(n))
	case 4, 5, 6:
		w.deploy(w.recent().SHA)
	case 7:
		if n := len(w.deployments); n > 0 && w.now.Sub(w.deployments[n-1].CreatedAt) < twinsLookBack {
			w.status(w.deployments[n-1], []string{"failure", "success"}[w.random.IntN(2)])
		}
	case 8:
		w.openIncident(n)
	default:
		w.resolve()
	}
}

// recent returns a deployment that is not old, or its zero value.
func (w *twins) recent() dora.Deployment {
	for _, d := range w.deployments {
		if w.now.Sub(d.CreatedAt) < twinsLookBack && w.random.IntN(2) == 0 {
			return d
		}
	}
	return dora.Deployment{}
}

func (w *twins) deploy(sha string) {
	w.t.Helper()
	if sha == "" {
		return
	}
	w.keeps.now = w.now
	d := w.keeps.deployment(int64(len(w.deployments)+1), "service-0", sha)
	w.deployments = append(w.deployments, d)
	w.status(d, "success")
}

func (w *twins) status(d dora.Deployment, state string) {
	w.t.Helper()
	w.statuses++
	what := fmt.Sprintf("%s of deployment %d of commit %s", state, d.ID, d.SHA[30:])
	w.send(what, dora.Event{Status: &dora.Status{Deployment: d, ID: w.statuses, State: state, CreatedAt: w.now}})
}

// openIncident opens an incident that names a deployment, or none.
func (w *twins) openIncident(n int) {
	w.t.Helper()
	i := dora.IncidentChange{
		Event: dora.IssueCreated, Host: "jira.example.com", ID: fmt.Sprint(10000 + n), Key: fmt.Sprint("INC-", n), Project: "INC", Type: "Incident",
		Created: w.now, Timestamp: w.now, StatusName: "Open", StatusID: "1", StatusCategory: "new",
	}
	named := w.recent()
	if named.ID != 0 && w.random.IntN(2) == 0 {
		i.References = []dora.Reference{{Owner: "acme", Repository: "service-0", Deployment: named.ID}}
	}
	w.open = append(w.open, i)
	w.send(fmt.Sprintf("%s opened, which names %v", i.Key, i.References), dora.Event{Incident: &i})
}

// resolve resolves the incident that is open for longest.
func (w *twins) resolve() {
	w.t.Helper()
	if len(w.open) == 0 {
		return
	}
	done := w.open[0]
	w.open = w.open[1:]
	done.Event, done.Timestamp, done.StatusName, done.StatusID, done.StatusCategory = dora.IssueUpdated, w.now, "Done", "6", "done"
	done.ResolutionDate, done.Transition = w.now, &dora.Transition{FromID: "1", From: "Open"}
	w.send(done.Key+" resolved", dora.Event{Incident: &done})
}

// changePolicy changes the policy, which makes no difference but that all days are to be made anew.
func (w *twins) changePolicy(n int) {
	w.t.Helper()
	w.log = append(w.log, "another policy")
	for _, x := range []*longRun{w.keeps, w.removes} {
		x.rules.Policy.IgnoreAuthors = []string{fmt.Sprint("nobody-", n)}
		x.makeDays()
	}
}

// compare compares the values and the reports of both, over all time.
func (w *twins) compare() {
	w.t.Helper()
	var reports []report.Report
	for _, x := range []*longRun{w.keeps, w.removes} {
		r, err := report.FromEvents(w.t.Context(), x.store, x.rules.Policy, report.Options{Now: w.now, Since: w.now.Sub(longRunStart)})
		if err != nil {
			w.t.Fatal(err)
		}
		reports = append(reports, r)
	}
	if diff := cmp.Diff(countsOf(w.keeps.values()), countsOf(w.removes.values())); diff != "" {
		w.t.Fatalf("values without and with a retention:\n%s\n%s", diff, strings.Join(w.log, "\n"))
	}
	if diff := cmp.Diff(reports[0], reports[1], cmpopts.EquateNaNs()); diff != "" || len(reports[0].Differences) > 0 {
		w.t.Fatalf("reports without and with a retention:\n%s\ndifferences %+v\n%s", diff, reports[0].Differences, strings.Join(w.log, "\n"))
	}
}

// A retention changes no value and no report, as long as events are about nothing that is older.
func TestRetentionChangesNoReport(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := newTwins(t, seed)
			retention := w.removes.retention(w.removes.store)
			retention.Keep = twinsKeep
			for n := range 40 {
				w.step(n)
				for range 2 { // some records go after others
					if _, err := retention.RemoveOld(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				if n%5 == 4 {
					w.changePolicy(n)
				}
				w.compare()
			}
		})
	}
}
