package pipeline_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/report"
)

// The report by days is that by all records at every moment, whatever comes late and whether the stale days have been made.
func TestDays(t *testing.T) {
	eachHistory(t, func(t *testing.T, p *history) {
		x := &exporter{t: t, world: p, store: openStore(t)}
		days := &pipeline.Days{Store: x.store, Policy: p.policy, Logger: slog.New(slog.DiscardHandler), AtOnce: 1 + p.IntN(9)}
		for part := range p.parts() {
			x.arrive(part...)
			if p.chance(30) {
				x.makeSomeDays(p, days)
			}
			x.wantReports(p.policy, "after events arrived")
			x.settle()
			if p.chance(50) {
				x.makeSomeDays(p, days)
			}
			x.wantReports(p.policy, "after evaluations")
		}
		x.makeDays(days)
		x.wantReports(p.policy, "at the end")
	})
}

func (x *exporter) makeDays(d *pipeline.Days) {
	x.t.Helper()
	if err := d.Make(x.t.Context()); err != nil {
		x.t.Fatal(err)
	}
}

// makeSomeDays makes all stale days, or those of evaluated deployments.
func (x *exporter) makeSomeDays(p *history, d *pipeline.Days) {
	x.t.Helper()
	if p.chance(50) {
		x.makeDays(d)
	} else if err := d.MakeEvaluated(x.t.Context()); err != nil {
		x.t.Fatal(err)
	}
}

// wantReports compares reports by days with those by all records.
func (x *exporter) wantReports(p dora.Policy, when string) {
	x.t.Helper()
	for _, o := range []report.Options{
		{Since: 90 * 24 * time.Hour},
		{Since: 90 * 24 * time.Hour, ByRepository: true},
		{Since: 3 * time.Hour, Weeks: 2},
	} {
		o.Now = morning.Add(30 * time.Hour)
		want := reportFromRecords(x.t, x.store, p, o)
		got, err := report.FromEvents(x.t.Context(), x.store, p, o)
		if err != nil {
			x.t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
			x.t.Errorf("%s, %+v: -all records +days\n%s", when, o, diff)
		}
	}
}
