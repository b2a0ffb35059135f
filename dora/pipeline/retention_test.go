package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/dora/rules"
	"dora-exporter/persistence/checkpoint"
	"dora-exporter/persistence/teststore"
	"dora-exporter/report"
)

// keep is storage.retention in these tests.
const keep = 760 * dora.Day

// longRun is an exporter over years of a made-up clock, and what was sent to it.
type longRun struct {
	t     *testing.T
	path  string
	store *teststore.Store
	rules *rules.Rules
	now   time.Time
	// sent are all events with their times of arrival, want what they count for.
	sent []sentEvent
	want longCounts
	// statuses is the number of statuses so far. ranRare is true after the first call of rare.
	statuses int64
	ranRare  bool
	// leavesDays is true if days are left stale.
	leavesDays bool
}

type sentEvent struct {
	dora.Event
	at time.Time
}

// longCounts are values of /metrics.
type longCounts struct {
	Successes, Failures, Changes, FailedChanges, Rollbacks, Rework, Opened, Open, Resolved int64
	// LeadTimes and LeadTime are the number of lead times and their sum; Newest is the time of the newest deployment.
	LeadTimes, LeadTime, Newest int64
}

func newLongRun(t *testing.T) *longRun {
	path := filepath.Join(memoryDir(t), "dora-exporter.db")
	x := &longRun{t: t, path: path, now: longRunStart, store: openStoreAt(t, path), rules: noLimit()}
	x.rules.Policy.UsualProduction = true
	return x
}

func (x *longRun) reopen() {
	x.t.Helper()
	if err := x.store.Close(); err != nil {
		x.t.Fatal(err)
	}
	x.store = openStoreAt(x.t, x.path)
	x.rules = &rules.Rules{
		Policy: x.rules.Policy, MaxSeries: x.rules.MaxSeries, Logger: x.rules.Logger, OnFolded: x.rules.OnFolded, OnLate: x.rules.OnLate,
	}
}

// send sends events, which arrive now.
func (x *longRun) send(events ...dora.Event) {
	x.t.Helper()
	for _, e := range events {
		x.sent = append(x.sent, sentEvent{e, x.now})
	}
	x.deliver(x.sent[len(x.sent)-len(events):]...)
}

// deliver delivers events with the keys that they had when they were sent, and makes all that follows.
func (x *longRun) deliver(events ...sentEvent) (duplicates int) {
	x.t.Helper()
	for _, e := range events {
		d := dora.Delivery{Source: dora.GitHub, Received: x.now, Event: e.Event}
		switch {
		case e.Status != nil:
			d.Key = dora.StatusDeliveryKey(e.Status.Deployment.Host, e.Status.ID)
		case e.Deployment != nil:
			d.Key = dora.DeploymentDeliveryKey(e.Deployment.Host, e.Deployment.ID)
		default:
			d.Source, d.Key = dora.Jira, dora.IssueDeliveryKey(*e.Incident, fmt.Sprint(e.at.UnixMilli()))
		}
		duplicate, err := x.store.Accept(x.t.Context(), d)
		if err != nil {
			x.t.Fatal(err)
		}
		if duplicate {
			duplicates++
		}
	}
	x.work()
	return duplicates
}

// work processes what is pending, and makes the look-ups and evaluations that are due.
func (x *longRun) work() {
	x.t.Helper()
	clock := func() time.Time { return x.now }
	logger := slog.New(slog.DiscardHandler)
	p := &pipeline.Processor{
		Store: x.store, Catalog: platform{}, Rules: x.rules, Logger: logger, MaxWait: time.Minute, Now: clock, OnTeamGivenUp: func() {},
	}
	if err := p.Drain(x.t.Context()); err != nil {
		x.t.Fatal(err)
	}
	l := &pipeline.Lookups{Store: x.store, Enricher: steady{}, Rules: x.rules, Logger: logger, GiveUp: time.Hour, Now: clock}
	if err := pipeline.LookUpDue(x.t.Context(), l); err != nil {
		x.t.Fatal(err)
	}
	e := &pipeline.Evaluator{Store: x.store, Enricher: steady{}, Rules: x.rules, Logger: logger, GiveUp: time.Hour, Now: clock}
	for range 100 {
		n, err := x.store.CountEvaluations(x.t.Context())
		if err != nil {
			x.t.Fatal(err)
		}
		if n == 0 {
			if !x.leavesDays {
				x.makeDays()
			}
			return
		}
		if err := pipeline.EvaluateDue(x.t.Context(), e); err != nil {
			x.t.Fatal(err)
		}
		x.now = x.now.Add(time.Second)
	}
	x.t.Fatal("evaluations are left")
}

// checkAnotherPolicy makes all days anew by a policy that makes no difference, and checks them.
func (x *longRun) checkAnotherPolicy() {
	x.rules.Policy.IgnoreAuthors = []string{"nobody"}
	x.makeDays()
	x.check("after a change of the policy")
}

// makeDays makes the days that are stale.
func (x *longRun) makeDays() {
	x.t.Helper()
	d := &pipeline.Days{Store: x.store, Policy: x.rules.Policy, Logger: slog.New(slog.DiscardHandler), AtOnce: 20}
	if err := d.Make(x.t.Context()); err != nil {
		x.t.Fatal(err)
	}
}

// retention returns a Retention of the run.
func (x *longRun) retention(store dora.Transactor) *pipeline.Retention {
	return &pipeline.Retention{
		Store: store, Rules: x.rules, Logger: slog.New(slog.DiscardHandler), Keep: keep, Now: func() time.Time { return x.now },
		OnRemoved: func(dora.Removed) {},
	}
}

// removeOld removes what is old.
func (x *longRun) removeOld() dora.Removed {
	x.t.Helper()
	removed, err := x.retention(x.store).RemoveOld(x.t.Context())
	if x.leavesDays && errors.Is(err, rules.ErrStaleDays) {
		err = nil
	}
	if err != nil {
		x.t.Fatal(err)
	}
	return removed
}

// values returns what a start would serve.
func (x *longRun) values() dora.State {
	x.t.Helper()
	c := checkpoint.New(filepath.Join(x.t.TempDir(), "values.prom"), x.store, dora.Families(), false, slog.New(slog.DiscardHandler))
	state, position, err := c.Restore(x.t.Context())
	for err == nil {
		var facts []dora.Fact
		if facts, err = x.store.Facts(x.t.Context(), position, 1000); len(facts) == 0 {
			break
		}
		position = facts[len(facts)-1].Position
		err = state.Add(dora.FamiliesByName(), facts...)
	}
	if err != nil {
		x.t.Fatal(err)
	}
	return state
}

// check compares what a start would serve with what was sent, and the report with that.
func (x *longRun) check(when string) {
	x.t.Helper()
	if diff := cmp.Diff(x.want, countsOf(x.values())); diff != "" {
		x.t.Fatalf("%s: -want +got:\n%s", when, diff)
	}
	r, err := report.FromEvents(x.t.Context(), x.store, x.rules.Policy, report.Options{Now: x.now, Since: 90 * dora.Day})
	if err != nil {
		x.t.Fatal(err)
	}
	if len(r.Differences) > 0 {
		x.t.Fatalf("%s: the report has the differences %+v", when, r.Differences)
	}
}

func countsOf(s dora.State) (c longCounts) {
	for _, series := range s[dora.Deployments] {
		if series.Labels["outcome"] == dora.Success {
			c.Successes += series.Own
		} else {
			c.Failures += series.Own
		}
	}
	for _, series := range s[dora.ChangeFailures] {
		c.FailedChanges += series.Own
		if series.Labels["cause"] == string(dora.CauseRollback) {
			c.Rollbacks += series.Own
		}
	}
	sum := func(family string) (n int64) {
		for _, series := range s[family] {
			n += series.Own
		}
		return n
	}
	c.Changes, c.Rework, c.Opened, c.Open = sum(dora.Changes), sum(dora.ReworkDeployments), sum(dora.IncidentsOpened), sum(dora.IncidentsOpen)
	c.Resolved, c.LeadTime = sum(dora.Incidents), sum(dora.LeadTime)
	for _, series := range s[dora.LeadTime] {
		for _, n := range series.Buckets {
			c.LeadTimes += n
		}
	}
	for _, series := range s[dora.DeploymentTimestamp] {
		c.Newest = max(c.Newest, series.Own)
	}
	return c
}

// steady is a GitHub in which each commit is a change of its own, made an hour before its deployment succeeds.
type steady struct{ nothingPartial }

func (steady) Origin(context.Context, dora.Commit) (dora.Origin, error) {
	return dora.Origin{Unavailable: dora.ReasonNotFound}, nil
}

func (steady) Ship(ctx context.Context, c dora.Comparison) (dora.Shipment, map[string]dora.Origin, error) {
	if c.Base == "" {
		return dora.Shipment{Relation: dora.First}, nil, nil
	}
	known, err := c.Past.Ran(ctx, c.Head.SHA)
	if known || err != nil {
		return dora.Shipment{Relation: dora.Behind}, nil, err
	}
	origin := dora.Origin{FirstCommit: c.At.Add(-time.Hour), Author: "ada", Title: "Change " + c.Head.SHA[:8]}
	change := dora.Change{Origin: origin, SHA: c.Head.SHA, Commits: []string{c.Head.SHA}}
	return dora.Shipment{Relation: dora.Ahead, Changes: []dora.Change{change}}, map[string]dora.Origin{c.Head.SHA: origin}, nil
}
