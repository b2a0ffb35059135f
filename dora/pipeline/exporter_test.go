package pipeline_test

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/dora/rules"
	"dora-exporter/persistence/teststore"
)

// settleTime is deployments.settle in these tests.
const settleTime = 2 * time.Minute

// world is what the exporter meets.
type world interface {
	rules() dora.Policy
	catalog() teams
	// enricher returns a client of GitHub without anything in its caches.
	enricher(testing.TB) dora.Enricher
}

// exporter is the part of the program that these tests run on one store, in the virtual time of synctest.
type exporter struct {
	t     *testing.T
	world world
	store *teststore.Store
	// client is kept over restarts, with what it has in its caches, if warm is set.
	client dora.Enricher
	warm   bool
	// durations is set if the durations of statuses are looked up, too.
	durations bool
	late      int
	// created is when the store was created; long ago if it is zero.
	created time.Time
	// due is when the first event that has arrived is evaluated.
	due time.Time
}

func (x *exporter) rules() *rules.Rules {
	rules := noLimit()
	rules.Policy, rules.StoreCreated, rules.OnLate = x.world.rules(), x.created, func(n int) { x.late += n }
	return rules
}

// arrive stores events and processes them.
func (x *exporter) arrive(events ...dora.Event) {
	x.t.Helper()
	if due := time.Now().Add(settleTime); x.due.IsZero() {
		x.due = due
	}
	accept(x.t, x.store, events...)
	p := &pipeline.Processor{
		Store: x.store, Catalog: x.world.catalog(), Rules: x.rules(), Logger: slog.New(slog.DiscardHandler), MaxWait: time.Minute, Now: time.Now, OnTeamGivenUp: func() {},
	}
	if err := p.Drain(x.t.Context()); err != nil {
		x.t.Fatal(err)
	}
}

// run makes the evaluations that are due for a while, as after a start.
func (x *exporter) run(d time.Duration) {
	ctx, cancel := context.WithTimeout(x.t.Context(), d)
	defer cancel()
	if !x.warm || x.client == nil {
		x.client = x.world.enricher(x.t)
	}
	if x.durations {
		lookups := &pipeline.Lookups{Store: x.store, Enricher: x.client, Rules: x.rules(), Logger: slog.New(slog.DiscardHandler), GiveUp: time.Hour, Now: time.Now}
		var running sync.WaitGroup
		defer running.Wait()
		running.Go(func() { lookups.Run(ctx) })
	}
	x.evaluator().Run(ctx)
}

func (x *exporter) evaluator() *pipeline.Evaluator {
	return &pipeline.Evaluator{Store: x.store, Enricher: x.client, Rules: x.rules(), Logger: slog.New(slog.DiscardHandler), GiveUp: time.Hour, Now: time.Now}
}

// settle runs until nothing is left to be evaluated.
func (x *exporter) settle() {
	x.t.Helper()
	time.Sleep(time.Until(x.due) - time.Second) // each second of an Evaluator costs some calls of the store
	x.due = time.Time{}
	for i := range 1000 {
		evaluations, err := x.store.CountEvaluations(x.t.Context())
		if err != nil {
			x.t.Fatal(err)
		}
		backlog, err := x.store.Backlog(x.t.Context())
		if err != nil {
			x.t.Fatal(err)
		}
		if evaluations == 0 && (!x.durations || backlog.LookUps == 0) {
			return
		}
		x.run(3 * time.Second)
		if i > 50 { // what is left is tried again every minute, and given up by a process that runs on
			x.warm = true
			time.Sleep(20 * time.Second)
		}
	}
	x.t.Fatal("evaluations or look-ups are left after hours")
}

// statusFacts returns the facts of github_* without zeros, one a line, sorted.
func (x *exporter) statusFacts() (lines []string) {
	x.t.Helper()
	for _, f := range x.all() {
		if strings.HasPrefix(f.Family, "github_") && !f.Starts() && f.Family != dora.DeploymentsDuration {
			lines = append(lines, fmt.Sprintf("%s{%s} %d", f.Family, f.Labels.Key(), f.Value))
		}
	}
	sort.Strings(lines)
	return lines
}

func (x *exporter) all() []dora.Fact {
	x.t.Helper()
	all, err := x.store.Facts(x.t.Context(), 0, 100_000)
	if err != nil {
		x.t.Fatal(err)
	}
	return all
}

// facts returns the facts of dora_* without zeros, one a line; of the gauge of open incidents, what its facts add up to.
func (x *exporter) facts() []string {
	x.t.Helper()
	var lines []string
	open := map[string]int64{}
	for _, f := range x.all() {
		switch {
		case !strings.HasPrefix(f.Family, "dora_") || f.Starts() || f.Family == dora.DeploymentTimestamp:
		case f.Family == dora.IncidentsOpen:
			open[f.Labels.Key()] += f.Value
		default:
			lines = append(lines, fmt.Sprintf("%s{%s} %d", f.Family, f.Labels.Key(), f.Value))
		}
	}
	for labels, n := range open {
		for range n {
			lines = append(lines, fmt.Sprintf("%s{%s} 1", dora.IncidentsOpen, labels))
		}
	}
	sort.Strings(lines)
	return lines
}

// factsInLowerCase returns the facts with the environments in lower case: which spelling arrives first is left to chance.
func (x *exporter) factsInLowerCase() []string {
	lines := x.facts()
	for i, l := range lines {
		lines[i] = environmentLabel.ReplaceAllStringFunc(l, strings.ToLower)
	}
	sort.Strings(lines)
	return lines
}

var environmentLabel = regexp.MustCompile(`environment="[^"]*"`)

// subjects returns the subjects of a family's facts without zeros.
func (x *exporter) subjects(family string) (all []string) {
	x.t.Helper()
	for _, f := range x.all() {
		if f.Family == family && !f.Starts() {
			all = append(all, f.Subject)
		}
	}
	return all
}

// ofFamily returns the lines of a family.
func ofFamily(lines []string, family string) (all []string) {
	for _, l := range lines {
		if strings.HasPrefix(l, family+"{") {
			all = append(all, l)
		}
	}
	return all
}

// without returns the lines of a that b lacks, each as often as it is missing.
func without(a, b []string) (left []string) {
	have := map[string]int{}
	for _, l := range b {
		have[l]++
	}
	for _, l := range a {
		if have[l]--; have[l] < 0 {
			left = append(left, l)
		}
	}
	return left
}

// scatter stores all events in a random order within settleTime, some twice, with restarts in between.
func (x *exporter) scatter(p *history) {
	x.warm = p.chance(50)
	events := p.events()
	given := len(events)
	for range p.IntN(4) {
		events = append(events, pick(p, events[:given]...))
	}
	p.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	for left := settleTime - time.Second; len(events) > 0; {
		n := min(len(events), 1+p.IntN(given))
		x.arrive(events[:n]...)
		events = events[n:]
		wait := time.Duration(p.Int64N(int64(left)))
		left -= wait
		runs := min(wait, 2*time.Second)
		x.run(runs)
		time.Sleep(wait - runs)
	}
}
