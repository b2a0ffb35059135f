package pipeline_test

import (
	"context"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/persistence/teststore"
)

// repository is a git repository at a GitHub stand-in.
type repository struct {
	nothingPartial

	// line has the SHAs on the default branch, the oldest first; all other SHAs have diverged from it.
	line []string
	// changes has the changes of commits; a commit without an entry is a change of its own, written an hour before nine.
	changes map[string]dora.Change
	policy  dora.Policy
	// down returns the error of GitHub's answer; nil for none.
	down func(dora.Comparison) error
}

func newRepository(line ...string) *repository {
	return &repository{line: line, changes: map[string]dora.Change{}, policy: dora.Policy{
		Production: []*regexp.Regexp{regexp.MustCompile("^production$")}, IgnoreAuthors: []string{"dependabot[bot]"},
	}}
}

func (w *repository) Origin(context.Context, dora.Commit) (dora.Origin, error) {
	return dora.Origin{FirstCommit: morning.Add(-time.Hour)}, nil
}

func (w *repository) change(sha string) dora.Change {
	c, ok := w.changes[sha]
	if !ok {
		c.FirstCommit = morning.Add(-time.Hour)
	}
	c.SHA = sha
	return c
}

// Ship compares two commits as GitHub does.
func (w *repository) Ship(_ context.Context, c dora.Comparison) (dora.Shipment, map[string]dora.Origin, error) {
	if w.down != nil {
		if err := w.down(c); err != nil {
			return dora.Shipment{}, nil, err
		}
	}
	head, base := w.index(c.Head.SHA), w.index(c.Base)
	own := []dora.Change{w.change(c.Head.SHA)}
	switch {
	case c.Base == "":
		return dora.Shipment{Relation: dora.First, Changes: own}, nil, nil
	case c.Base == c.Head.SHA:
		return dora.Shipment{Relation: dora.Identical}, nil, nil
	case head < 0 || base < 0:
		return dora.Shipment{Relation: dora.Diverged, Changes: own}, nil, nil
	case head < base:
		return dora.Shipment{Relation: dora.Behind}, nil, nil
	}
	s := dora.Shipment{Relation: dora.Ahead}
	for _, sha := range w.line[base+1 : head+1] {
		s.Changes = append(s.Changes, w.change(sha))
	}
	return s, nil, nil
}

func (w *repository) index(sha string) int {
	for i, one := range w.line {
		if one == sha {
			return i
		}
	}
	return -1
}

// deployed returns a status of a deployment of a commit to production, so many minutes after nine.
func deployed(id int64, sha, state string, minute int) dora.Event {
	at := morning.Add(time.Duration(minute) * time.Minute)
	return dora.Event{Status: &dora.Status{
		ID: id*100 + int64(minute%100), State: state, CreatedAt: at,
		Deployment: dora.Deployment{
			Host: "api.github.com", ID: id, Owner: "acme", Repository: "web", Environment: "production", SHA: sha, CreatedAt: morning,
		},
	}}
}

// created has each deployment created a minute before the first of its statuses among some events.
func created(events ...dora.Event) []dora.Event {
	first := map[int64]time.Time{}
	for _, e := range events {
		if s := e.Status; s != nil && (first[s.Deployment.ID].IsZero() || s.CreatedAt.Before(first[s.Deployment.ID])) {
			first[s.Deployment.ID] = s.CreatedAt
		}
	}
	for _, e := range events {
		if s := e.Status; s != nil {
			s.Deployment.CreatedAt = first[s.Deployment.ID].Add(-time.Minute)
		}
	}
	return events
}

// issue returns an event of an incident so many minutes after nine. The incident was created at one minute and resolved at another,
// or is open if that is 0.
func issue(event string, minute, created, resolved int, refs ...dora.Reference) dora.Event {
	c := &dora.IncidentChange{
		Event: "jira:issue_" + event, Host: "jira.example.com", ID: "7", Key: "INC-7", Project: "INC", Priority: "High", References: refs,
		Timestamp: morning.Add(time.Duration(minute) * time.Minute), Created: morning.Add(time.Duration(created) * time.Minute),
	}
	if resolved != 0 {
		c.ResolutionDate = morning.Add(time.Duration(resolved) * time.Minute)
	}
	return dora.Event{Incident: c}
}

// settle processes the pending deliveries and makes all evaluations, in the virtual time of synctest.
func (w *repository) settle(t *testing.T, store *teststore.Store) (late int) {
	t.Helper()
	rules := noLimit()
	rules.Policy, rules.OnLate = w.policy, func(n int) { late += n }
	logger := slog.New(slog.DiscardHandler)
	p := &pipeline.Processor{Store: store, Catalog: platform{}, Rules: rules, Logger: logger, MaxWait: time.Minute, Now: time.Now, OnTeamGivenUp: func() {}}
	if err := p.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := &pipeline.Evaluator{Store: store, Enricher: w, Rules: rules, Logger: logger, Now: time.Now}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	for left := 1; left > 0; {
		time.Sleep(100 * time.Millisecond)
		var err error
		if left, err = store.CountEvaluations(ctx); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	<-done
	return late
}

// brief returns the facts of dora_* without the labels that all of them share.
func brief(t *testing.T, store *teststore.Store) []string {
	t.Helper()
	var all []string
	for _, f := range measures(t, store) {
		f = strings.NewReplacer(`environment="production",`, "", `owner="acme",`, "", `repo="web",`, "", `,repo="web"`, "", `team="Platform"`, "",
			`,team="Platform"`, "", `owner="acme"`, "", "dora_", "").Replace(f)
		f = strings.NewReplacer("{,", "{", ",}", "}", "{}", "").Replace(f)
		if !strings.HasPrefix(f, "deployment_timestamp_seconds") {
			all = append(all, f)
		}
	}
	return all
}
