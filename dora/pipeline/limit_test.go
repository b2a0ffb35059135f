package pipeline_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/dora/rules"
	"dora-exporter/persistence/teststore"
)

// limited processes all deliveries with a limit on series. It returns the number of folded events by group, and the log.
func limited(t *testing.T, store *teststore.Store, maxSeries int) (map[string]int, string) {
	t.Helper()
	events := map[string]int{}
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	limit := &rules.Rules{MaxSeries: maxSeries, Logger: logger, OnFolded: func(families string, n int) { events[families] += n }, OnLate: func(int) {}}
	if err := limit.ReserveLabelSets(t.Context(), store, stateOf(t, store)); err != nil {
		t.Fatal(err)
	}
	p := &pipeline.Processor{Store: store, Catalog: platform{}, Rules: limit, Logger: slog.New(slog.DiscardHandler), Now: time.Now}
	if err := p.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	lookUpAll(t, store, limit, &lookUp{answer: began(time.Hour)})
	return events, log.String()
}

func stateOf(t *testing.T, store *teststore.Store) dora.State {
	t.Helper()
	all, err := store.Facts(t.Context(), 0, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	state := dora.State{}
	if err := state.Add(dora.FamiliesByName(), all...); err != nil {
		t.Fatal(err)
	}
	return state
}

// preview returns a successful deployment, an hour after its first commit, to an environment of its own.
func preview(n int) dora.Event {
	e := status(int64(n), "success", time.Duration(n)*time.Second)
	e.Status.Deployment.ID, e.Status.Deployment.Environment = int64(n), fmt.Sprintf("pr-%d", n)
	return e
}

// A deployment's label set takes three series: count, duration and sum. A limit of 30 has room for ten of them. An
// environment's first event makes three label sets at 0 (success, failure, error), while they fit into nine tenths of the
// limit, which has room for nine. So three environments have all of theirs, the fourth has its success alone, and the
// other sixteen of twenty are counted together.
//
// Of dora_*, an environment's own label set is for 52 series: a histogram has its buckets, one more, a sum and a count (14, 19
// and 17 of them) beside two others. So the twenty timestamps are together. A label set of a deployment's outcome is for one:
// 27 begin at 0, both of pr-1 to pr-13 and the success of pr-14; three more have room, and the last three of twenty have none.
func TestLimit(t *testing.T) {
	store := openStore(t)
	for n := 1; n <= 20; n++ {
		accept(t, store, preview(n))
	}
	events, log := limited(t, store, 30)
	if diff := cmp.Diff(map[string]int{"github": 16, "dora": 20 + 3}, events); diff != "" {
		t.Errorf("folded: -want +got:\n%s", diff)
	}
	if n := strings.Count(log, "metrics.max_series"); n != 2 {
		t.Errorf("%d log lines about the limit, want one for github_* and one for dora_*:\n%s", n, log)
	}
	state := stateOf(t, store)
	want := map[string]string{}
	for n := 1; n <= 4; n++ {
		want[fmt.Sprintf("pr-%d/success", n)] = "1"
		for _, unused := range []string{"failure", "error"} {
			if n <= 3 {
				want[fmt.Sprintf("pr-%d/%s", n, unused)] = "0"
			}
		}
	}
	want["other/other"] = "16"
	got := map[string]string{}
	var deployments, milliseconds, expected int64
	for _, s := range state[dora.DeploymentsTotal] {
		got[s.Labels["environment"]+"/"+s.Labels["status"]] = fmt.Sprint(s.Own)
		deployments += s.Own
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, s := range state[dora.DeploymentsDurationSum] {
		milliseconds += s.Own
		if s.Labels["team"] != "Platform" {
			t.Errorf("%v: the team is lost", s.Labels)
		}
	}
	for n := range int64(20) {
		expected += (3600 + n + 1) * 1000
	}
	if deployments != 20 || milliseconds != expected {
		t.Errorf("the team has %d deployments with %d ms, want 20 with %d", deployments, milliseconds, expected)
	}
	if n := count(state, "github_"); n > 30+3 { // and the three that the others share
		t.Errorf("%d series", n)
	}
}

func count(s dora.State, prefix string) int {
	n := 0
	for family, all := range s {
		if strings.HasPrefix(family, prefix) {
			n += len(all)
		}
	}
	return n
}

// A deployment that is counted with others counts once, and is folded once: its second success adds only a status and its time.
func TestLimitOfKnownFacts(t *testing.T) {
	store := openStore(t)
	for n := 1; n <= 20; n++ {
		accept(t, store, preview(n))
	}
	limited(t, store, 30)
	again := preview(20)
	again.Status.ID, again.Status.CreatedAt = 2000, again.Status.CreatedAt.Add(time.Minute)
	accept(t, store, again)
	events, _ := limited(t, store, 30)
	if diff := cmp.Diff(map[string]int{"github": 1, "dora": 1}, events); diff != "" {
		t.Errorf("folded: -want +got:\n%s", diff)
	}
}

// The groups of families have limits of their own: with no room for deployments there is some for incidents, whose label
// sets take two series each.
func TestLimitOfEachGroup(t *testing.T) {
	store := openStore(t)
	for n := range 9 {
		accept(t, store, preview(n+1), dora.Event{Incident: &dora.IncidentChange{
			Event: "jira:issue_updated", Host: "jira.example.com", ID: fmt.Sprint(n), Project: fmt.Sprintf("P%d", n),
			Created: morning, ResolutionDate: morning.Add(time.Minute), Timestamp: morning.Add(time.Minute),
		}})
	}
	events, _ := limited(t, store, 9)
	// pr-1's three label sets would take 9, and 9 tenths of 9 are 0: only success has its place, of pr-1, pr-2 and pr-3.
	// P0 to P3 take 8, and one more series is no room for two.
	// The nine outcomes of dora_* have room, their timestamps don't.
	if diff := cmp.Diff(map[string]int{"github": 6, "jira": 5, "dora": 9}, events); diff != "" {
		t.Errorf("folded: -want +got:\n%s", diff)
	}
	other := dora.Labels{"project": "other", "team": "Platform"}.Key()
	state := stateOf(t, store)
	if n, ms := state[dora.Incidents][other].Own, state[dora.IncidentsDurationSum][other].Own; n != 5 || ms != 5*60_000 {
		t.Errorf("%d incidents with %d ms under other, want 5 with 300000", n, ms)
	}
}

// Existing series count towards the limit, even if they exceed it; none of them is folded.
func TestLimitOfExisting(t *testing.T) {
	store := openStore(t)
	for n := 1; n <= 4; n++ {
		accept(t, store, preview(n))
	}
	limited(t, store, 1000)
	for n := 1; n <= 5; n++ {
		e := preview(n)
		e.Status.ID += 100
		accept(t, store, e)
	}
	events, _ := limited(t, store, 10)
	// Of pr-5: its status, and of dora_* its outcome and its time.
	if diff := cmp.Diff(map[string]int{"github": 1, "dora": 2}, events); diff != "" {
		t.Errorf("folded: -want +got:\n%s", diff)
	}

	// Values taken over have their places too: two label sets, each for three series.
	store = openStore(t)
	baseline := dora.State{dora.DeploymentsTotal: {}}
	for n := 1; n <= 2; n++ {
		labels := dora.Labels{"environment": fmt.Sprintf("pr-%d", n), "repo": "web", "status": "success", "team": "Platform"}
		baseline[dora.DeploymentsTotal][labels.Key()] = dora.Series{Labels: labels, Baseline: 7}
	}
	if err := noLimit().ReserveLabelSets(t.Context(), store, baseline); err != nil {
		t.Fatal(err)
	}
	if taken, err := store.Series(t.Context()); err != nil || taken["github"] != 6 {
		t.Errorf("%v series, %v; want 6 of github", taken, err)
	}
}

// expression compiles a valid regular expression.
var expression = regexp.MustCompile

func TestRewrite(t *testing.T) {
	rules := dora.Environments{
		{Match: expression(`^pr-\d+$`), Name: "preview"},
		{Transient: true, Match: expression("^demo"), Name: "demos"},
		{Transient: true, Name: "transient"},
	}
	store := openStore(t)
	var events []dora.Event
	for i, test := range []struct {
		environment string
		transient   bool
	}{{"pr-1", false}, {"pr-22", true}, {"xpr-1", false}, {"pr-1/web", true}, {"demo-7", true}, {"demo-7", false}} {
		e := status(int64(i), "queued", 0)
		e.Status.Deployment.Environment, e.Status.Deployment.Transient = test.environment, test.transient
		events = append(events, e)
	}
	created := status(0, "", 0).Status.Deployment
	created.Environment = "pr-5"
	accept(t, store, append(events, dora.Event{Deployment: &created})...)
	p := &pipeline.Processor{
		Store: store, Catalog: platform{}, Environments: rules, Rules: noLimit(), Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	}
	if err := p.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, s := range stateOf(t, store)[dora.DeploymentsTotal] {
		got[s.Labels["environment"]] += s.Own
	}
	if diff := cmp.Diff(map[string]int64{"preview": 2, "xpr-1": 1, "transient": 1, "demos": 1, "demo-7": 1}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
