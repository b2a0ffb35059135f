// Package shop fills a real database with the history of a small organisation, for tests of what people read of it.
package shop

import (
	"context"
	"log/slog"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/dora/rules"
	"dora-exporter/persistence/sqlstore"
	"dora-exporter/persistence/teststore"
)

// Monday is when the events begin.
var Monday = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// Minute returns the time n minutes after the beginning.
func Minute(n int) time.Time { return Monday.Add(time.Duration(n) * time.Minute) }

// Shop is a database and the parts that process the deliveries in it.
type Shop struct {
	// Path is that of the database.
	Path   string
	Store  *sqlstore.Store
	GitHub GitHub
	Rules  *rules.Rules

	t      testing.TB
	reader *sqlstore.Reader
}

// New returns a shop with an empty database, which is removed with the test.
func New(t testing.TB) *Shop {
	path := filepath.Join(t.TempDir(), "dora-exporter.db")
	logger := slog.New(slog.DiscardHandler)
	return &Shop{
		t: t, Path: path, Store: teststore.At(t, path).Store, GitHub: GitHub{Changes: map[string]dora.Change{}, Down: map[string]bool{}},
		Rules: &rules.Rules{
			Policy: dora.Policy{
				Production: []*regexp.Regexp{regexp.MustCompile("^production$")}, IgnoreAuthors: []string{"dependabot[bot]"},
				Incidents: dora.IncidentFilter{Types: []string{"Incident"}},
			},
			MaxSeries: 20_000, Logger: logger, OnFolded: func(string, int) {}, OnLate: func(int) {},
		},
	}
}

// Reader returns the database, opened for reading.
func (s *Shop) Reader() *sqlstore.Reader {
	s.t.Helper()
	if s.reader == nil {
		s.reader = teststore.Reader(s.t, s.Path)
	}
	return s.reader
}

// Deliver stores events as deliveries, with the keys that the webhooks give them, a second after they happened.
func (s *Shop) Deliver(events ...dora.Event) {
	s.t.Helper()
	for _, e := range events {
		d := dora.Delivery{Source: dora.GitHub, Event: e}
		switch {
		case e.Status != nil:
			d.Key, d.Received = dora.StatusDeliveryKey(e.Status.Deployment.Host, e.Status.ID), e.Status.CreatedAt.Add(time.Second)
		case e.Deployment != nil:
			d.Key, d.Received = dora.DeploymentDeliveryKey(e.Deployment.Host, e.Deployment.ID), e.Deployment.CreatedAt.Add(time.Second)
		case e.Incident != nil:
			i := e.Incident
			d.Source, d.Received = dora.Jira, i.Timestamp.Add(time.Second)
			d.Key = dora.IssueDeliveryKey(*i, strconv.FormatInt(i.Timestamp.UnixMilli(), 10))
		}
		if _, err := s.Store.Accept(s.t.Context(), d); err != nil {
			s.t.Fatal(err)
		}
	}
}

// Process processes and evaluates until nothing is left but what GitHub does not answer.
func (s *Shop) Process() {
	s.t.Helper()
	logger, began := slog.New(slog.DiscardHandler), time.Now()
	now := func() time.Time {
		if len(s.GitHub.Down) > 0 {
			return Minute(900) // for a single attempt
		}
		return Minute(600).Add(100 * time.Since(began))
	}
	p := &pipeline.Processor{Store: s.Store, Catalog: owner{}, Rules: s.Rules, Logger: logger, MaxWait: time.Minute, Now: now, OnTeamGivenUp: func() {}}
	if err := p.Drain(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	settler := &pipeline.Evaluator{Store: s.Store, Enricher: s.GitHub, Rules: s.Rules, Logger: logger, Now: now}
	jobs := &pipeline.Lookups{Store: s.Store, Enricher: s.GitHub, Rules: s.Rules, Logger: logger, Now: now}
	ctx, cancel := context.WithCancel(s.t.Context())
	var running sync.WaitGroup
	running.Go(func() { settler.Run(ctx) })
	running.Go(func() { jobs.Run(ctx) })
	defer running.Wait()
	defer cancel()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		backlog, err := s.Store.Backlog(ctx)
		if err != nil {
			s.t.Fatal(err)
		}
		evaluations, err := s.Store.CountEvaluations(ctx)
		if err != nil {
			s.t.Fatal(err)
		}
		if backlog.LookUps+evaluations <= 2*len(s.GitHub.Down) && (len(s.GitHub.Down) == 0 || s.triedOnce()) {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%d look-ups and %d evaluations are left after two minutes", backlog.LookUps, evaluations)
		}
	}
}

// triedOnce reports whether everything that waits for GitHub has failed once.
func (s *Shop) triedOnce() bool {
	s.t.Helper()
	for sha := range s.GitHub.Down {
		c := dora.Commit{Host: "api.github.com", Owner: "acme", Repository: "web", SHA: sha}
		job, _, err := s.Store.LookupOf(s.t.Context(), c.Key())
		if err != nil {
			s.t.Fatal(err)
		}
		evaluations, err := s.Store.EvaluationsOf(s.t.Context(), "api.github.com/9")
		if err != nil {
			s.t.Fatal(err)
		}
		if job.Attempts == 0 || len(evaluations) != 1 || evaluations[0].Attempts == 0 {
			return false
		}
	}
	return true
}
