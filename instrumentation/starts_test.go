package instrumentation

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"dora-exporter/dora"
	"dora-exporter/instrumentation/otlptest"
)

// The start of a series is its own: that of the store for facts, after the last collection without it for the program's own metrics.
func TestStartTimes(t *testing.T) {
	r := otlptest.NewHTTP(t, "127.0.0.1:0", nil)
	i := newInstruments(t)
	now := time.Now().Add(time.Hour)
	i.options.Now = func() time.Time { return now }
	began := now.Add(-30 * time.Minute)
	i.Begin([]dora.SeriesStart{{Family: dora.DeploymentsTotal, Labels: success, At: began}})
	i.Restore(dora.State{dora.DeploymentsTotal: {success.Key(): {Labels: success, Own: 2}}})
	o := pushOptions("http/protobuf", "http://"+r.Address+"/v1/metrics", slog.New(slog.DiscardHandler))
	push := startAndWait(t, i, o, r)
	flushed(t, push, r) // the first one is over
	check := func(when string, want map[string]time.Time) {
		t.Helper()
		points := flushed(t, push, r)
		for series, at := range want {
			if p, ok := points[series]; !ok || p.Start != uint64(at.UnixNano()) {
				t.Errorf("%s: %s starts at %v, want %v", when, series, time.Unix(0, int64(p.Start)).UTC(), at.UTC())
			}
		}
		for series, p := range points {
			if p.Until != uint64(now.UnixNano()) {
				t.Errorf("%s: the time of %s is %v", when, series, time.Unix(0, int64(p.Until)).UTC())
			}
		}
	}
	check("at first", map[string]time.Time{countOfSuccess: began})

	const deliveries = `dora_exporter.deliveries{event="deployment_status",result="accepted",source="github"}`
	before := now
	now = now.Add(time.Minute)
	i.Delivery("github", "deployment_status", "accepted")
	later := now.Add(-time.Second)
	i.Begin([]dora.SeriesStart{{Family: dora.LeadTime, Labels: scope, At: later}})
	record(t, i, someFacts()...)
	changes := `dora.incidents.open{priority="High",project="INC",team="Platform"}` // the store does not know when
	check("with new ones", map[string]time.Time{countOfSuccess: began, leadOfScope: later, deliveries: before, changes: i.options.Started()})

	now = began.Add(-time.Minute)
	check("the clock is set back", map[string]time.Time{countOfSuccess: now, leadOfScope: now, deliveries: now})
	now = before.Add(time.Hour)
	check("and forward", map[string]time.Time{countOfSuccess: began, leadOfScope: later, deliveries: before})
	stop(t, push)
}

// Created timestamps in protobuf are the starts of the series.
func TestCreatedTimestamps(t *testing.T) {
	i := newInstruments(t)
	i.options.Now = time.Now
	i.Restore(dora.State{})
	handler, err := i.Handler()
	if err != nil {
		t.Fatal(err)
	}
	created := func() map[string]time.Time {
		request, w := httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody), httptest.NewRecorder()
		request.Header.Set("Accept", string(expfmt.FmtProtoDelim))
		handler.ServeHTTP(w, request)
		all := map[string]time.Time{}
		for decoder := expfmt.NewDecoder(w.Body, expfmt.FmtProtoDelim); ; {
			var f dto.MetricFamily
			if err := decoder.Decode(&f); errors.Is(err, io.EOF) {
				return all
			} else if err != nil {
				t.Fatal(err)
			}
			for _, m := range f.GetMetric() {
				switch {
				case m.GetCounter().GetCreatedTimestamp() != nil:
					all[f.GetName()+"{"+labelPairs(m)+"}"] = m.GetCounter().GetCreatedTimestamp().AsTime()
				case m.GetHistogram().GetCreatedTimestamp() != nil:
					all[f.GetName()+"{"+labelPairs(m)+"}"] = m.GetHistogram().GetCreatedTimestamp().AsTime()
				}
			}
		}
	}
	before := time.Now()
	created()
	began := time.Now().Add(-time.Hour).Truncate(time.Millisecond).UTC()
	i.Begin([]dora.SeriesStart{
		{Family: dora.DeploymentsTotal, Labels: success, At: began}, {Family: dora.LeadTime, Labels: scope, At: began.Add(time.Minute)},
	})
	record(t, i, someFacts()...)
	i.Delivery("github", "deployment_status", "accepted")
	got := created()
	for series, want := range map[string]time.Time{
		`github_deployments_total{environment="production",repo="web",status="success",team="Platform"}`:  began,
		`dora_change_lead_time_seconds{environment="production",owner="acme",repo="web",team="Platform"}`: began.Add(time.Minute),
	} {
		if !got[series].Equal(want) {
			t.Errorf("%s was created at %v, want %v of\n%v", series, got[series], want, got)
		}
	}
	own := got[`dora_exporter_deliveries_total{event="deployment_status",result="accepted",source="github"}`]
	if own.Before(before) || own.After(time.Now()) {
		t.Errorf("the program's own series was created at %v, want after %v", own, before)
	}
}

// There is a push right after the start and one soon after series began, and no more than ten in an interval.
func TestEarlyPushes(t *testing.T) {
	r := otlptest.NewHTTP(t, "127.0.0.1:0", nil)
	i := newInstruments(t)
	i.Restore(dora.State{})
	o := pushOptions("http/protobuf", "http://"+r.Address+"/v1/metrics", slog.New(slog.DiscardHandler))
	o.Interval = 5 * time.Second
	push := startAndWait(t, i, o, r)
	began := time.Now()
	for n := range 10 {
		facts := someFacts()
		facts[0].Labels = facts[0].Labels.With("repo", string(rune('a'+n)))
		i.Begin([]dora.SeriesStart{{Family: facts[0].Family, Labels: facts[0].Labels, At: time.Now()}})
		record(t, i, facts[0])
	}
	eventually(t, "a push with the new series", func() bool {
		all := r.Requests()
		_, found := all[len(all)-1].Points()[`github.deployments{environment="production",repo="j",status="success",team="Platform"}`]
		return found
	})
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the new series are pushed after %v", took)
	}
	record(t, i, someFacts()[1:]...) // which begin nothing
	if got := len(r.Requests()); got != 2 {
		t.Errorf("%d requests, want 2", got)
	}
	stop(t, push)
}

// A push is asked for when series have begun since the last facts, and not again for facts of known series.
func TestPushIsRequestedOnce(t *testing.T) {
	i := newInstruments(t)
	i.Restore(dora.State{})
	fact := dora.Fact{Family: dora.DeploymentsTotal, Labels: success, Value: 1}
	requested := func(when string, want int) {
		t.Helper()
		if n := len(i.newSeries); n != want {
			t.Errorf("%s: %d pushes are asked for, want %d", when, n, want)
		}
	}
	i.Begin([]dora.SeriesStart{{Family: dora.DeploymentsTotal, Labels: success, At: time.UnixMilli(1)}})
	requested("before the facts", 0)
	record(t, i, fact)
	requested("with the first fact", 1)
	<-i.newSeries
	record(t, i, fact)
	requested("with the next one", 0)
}
