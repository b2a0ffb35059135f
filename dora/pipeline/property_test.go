package pipeline_test

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
)

var (
	histories = flag.Duration("histories", 0, "how long each test of random histories tries new ones, 8 at least")
	firstSeed = flag.Uint64("seed", 1, "the first random history")
)

// eachHistory calls f with random histories, each in a synctest bubble, until the time is over or one fails.
func eachHistory(t *testing.T, f func(t *testing.T, p *history)) {
	t.Helper()
	n := 0
	for seed, end := *firstSeed, time.Now().Add(*histories); (n < 5 || time.Now().Before(end)) && !t.Failed(); seed++ {
		synctest.Test(t, func(t *testing.T) {
			p := newHistory(seed)
			defer func() {
				if t.Failed() {
					t.Logf("the history of -seed=%d:\n%s", seed, p.describe())
				}
			}()
			f(t, p)
		})
		n++
	}
	t.Logf("%d histories from -seed=%d on", n, *firstSeed)
}

func TestArrivalOrder(t *testing.T) {
	eachHistory(t, func(t *testing.T, p *history) {
		want, durations := p.oracle().expected(), p.oracle().durations()
		for range 2 {
			x := &exporter{t: t, world: p, store: openStore(t), durations: true}
			p.cutOff()
			x.scatter(p)
			x.settle()
			compare(t, want, x.factsInLowerCase())
			compare(t, durations, x.statusFacts())
			if x.late > 0 {
				t.Errorf("%d events were late", x.late)
			}
			if t.Failed() {
				t.Log(x.describeChanges())
				return
			}
		}
	})
}

// compare reports the lines that the oracle and the exporter don't have in common.
func compare(t *testing.T, oracle, exporter []string) {
	t.Helper()
	for _, l := range without(oracle, exporter) {
		t.Errorf("only the oracle has   %s", l)
	}
	for _, l := range without(exporter, oracle) {
		t.Errorf("only the exporter has %s", l)
	}
}

// An event that arrives after its neighbours have been evaluated adds what it still can. Nothing is taken back or counted twice.
func TestLateArrivals(t *testing.T) {
	eachHistory(t, func(t *testing.T, p *history) {
		want := p.oracle().expected()
		x := &exporter{t: t, world: p, store: openStore(t)}
		var before []string
		for part := range p.parts() {
			x.arrive(part...)
			x.settle()
			now := x.factsInLowerCase()
			gone := without(before, now)
			if slices.ContainsFunc(gone, func(f string) bool { return !strings.HasPrefix(f, dora.IncidentsOpen) }) {
				t.Errorf("taken back: %q", gone)
			}
			before = now
		}
		got := x.factsInLowerCase()
		for _, family := range []string{dora.Deployments, dora.IncidentsOpen} { // these only depend on the set of events, however late they arrive
			compare(t, ofFamily(want, family), ofFamily(got, family))
		}
		for _, family := range []string{dora.Deployments, dora.Changes, dora.ChangeFailures, dora.ReworkDeployments} {
			subjects := x.subjects(family)
			slices.Sort(subjects)
			if n := len(subjects); len(slices.Compact(subjects)) != n {
				t.Errorf("%s counts something twice", family)
			}
		}
		if got, expected := len(ofFamily(got, dora.DeploymentRun)), len(ofFamily(want, dora.DeploymentRun)); got < expected {
			t.Errorf("%d run times, want %d", got, expected)
		}
		x.wantIncidents(p)
		if got, most := len(ofFamily(got, dora.ReworkDeployments)), len(ofFamily(got, dora.ChangeFailures)); got > most {
			t.Errorf("%d deployments are rework, but there are only %d failed changes", got, most)
		}
		changes, measured := len(ofFamily(got, dora.Changes)), len(ofFamily(got, dora.LeadTime))+len(ofFamily(got, dora.LeadTimeUnavailable))
		if changes != measured {
			t.Errorf("%d changes, but %d lead times or reasons", changes, measured)
		}
		for _, change := range p.reached() {
			if !slices.ContainsFunc(x.subjects(dora.Changes), func(s string) bool { return strings.HasSuffix(s, change) }) {
				t.Errorf("the change %s is not counted", change)
			}
		}
	})
}

// wantIncidents checks that each incident was opened, and that a resolved one has its recovery or the reason why there is none. Under how
// many teams depends on which were known at the time.
func (x *exporter) wantIncidents(p *history) {
	x.t.Helper()
	keys := func(families ...string) (all []string) {
		for _, family := range families {
			for _, s := range x.subjects(family) {
				_, key, _ := dora.CutSubject(s)
				all = append(all, key)
			}
		}
		return all
	}
	opened, ended := keys(dora.IncidentsOpened), keys(dora.IncidentRecovery, dora.IncidentRecoveryUnavailable)
	o := p.oracle()
	o.expected()
	for id := range o.issues {
		want, key := o.issueResult(id), dora.IncidentChange{Host: "jira.example.com", ID: id}.IssueKey()
		if want.IsIncident && !slices.Contains(opened, key) {
			x.t.Errorf("%s was never opened", key)
		}
		if want.IsIncident && want.IsResolved && !slices.Contains(ended, key) {
			x.t.Errorf("%s has neither a recovery nor a reason", key)
		}
	}
}

// reached returns the changes that reach an environment, as /name.
func (p *history) reached() (all []string) {
	o := p.oracle()
	o.expected()
	for _, d := range o.deployments {
		for _, c := range d.fresh {
			all = append(all, "/"+c.name())
		}
	}
	return all
}

// All statuses of one deployment arrive in every order within settleTime.
func TestStatusOrder(t *testing.T) {
	type stateAt struct {
		state  string
		minute int
	}
	// A run with -histories of a minute or more has all six, a short one the first four.
	for _, statuses := range [][]stateAt{
		{{"success", 3}, {"failure", 4}, {"error", 5}, {"inactive", 6}, {"queued", 1}, {"in_progress", 2}},
		{{"success", 3}, {"success", 5}, {"failure", 5}, {"success", 6}, {"inactive", 9}, {"error", 2}},
		{{"failure", 3}, {"success", 3}, {"error", 3}, {"success", 3}, {"failure", 2}, {"queued", 3}},
		{{"failure", 1}, {"error", 2}, {"inactive", 3}, {"failure", 3}},
	} {
		if *histories < time.Minute {
			statuses = statuses[:4]
		}
		synctest.Test(t, func(t *testing.T) {
			p := newHistory(1)
			p.sent, p.incidents, p.ignore, p.policy.Ignore = nil, nil, nil, nil
			x := &exporter{t: t, world: p, store: openStore(t)}
			for order := range permutations(len(statuses)) { // each order is an environment and a deployment of its own
				d := &sentDeployment{
					number: int64(len(p.sent) + 1), graph: p.graphs[0].graph, repository: "web", origin: fmt.Sprint("production ", order), sha: p.graphs[0].order[0],
					ref: "main", created: minute(0),
				}
				for _, i := range order {
					p.sent = append(p.sent, sent{sentDeployment: d, id: d.number*10 + int64(i), state: statuses[i].state, at: minute(statuses[i].minute)})
				}
			}
			x.arrive(p.events()...)
			x.settle()
			compare(t, p.oracle().expected(), x.factsInLowerCase())
		})
	}
}
