package page

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/persistence/sqlstore"
	"dora-exporter/story/shop"
)

// snapshot reads the database of a shop.
func snapshot(s *shop.Shop) func(context.Context, func(Reader) error) error {
	reader := s.Reader()
	return func(ctx context.Context, read func(Reader) error) error {
		return reader.Snapshot(ctx, func(r *sqlstore.Reader) error { return read(r) })
	}
}

// noExplanations is an Explainer for tests without explanations.
type noExplanations struct{ Explainer }

func (noExplanations) Reason(code string) string { return code }

// Deliveries that are not counted say why.
func TestDeliveryResults(t *testing.T) {
	s := shop.New(t)
	for n := range 4 {
		s.Deliver(shop.Status(int64(n+1), "production", "V1", "success", 30))
	}
	err := s.Store.Update(t.Context(), func(tx dora.Tx) error {
		return errors.Join(
			tx.Deliveries().Postpone(1, shop.Minute(0), shop.Minute(40)), tx.Deliveries().Retry(2, 3, 0, "no <room>", shop.Minute(50)), tx.Deliveries().SetAside(3, 7, "it does not match its checksum"), tx.Deliveries().Done(4),
			tx.Evaluations().Add(dora.Evaluation{Kind: dora.DeploymentEvaluation, Key: "api.github.com/4", Scope: "scope", At: shop.Minute(30), ID: 4, Due: shop.Minute(60), Ripe: shop.Minute(60)}))
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Deliver(shop.Incident("created", 46, 0)) // the fifth, and not an incident before it is processed
	if err := s.Store.Update(t.Context(), func(tx dora.Tx) error { return tx.Deliveries().Done(5) }); err != nil {
		t.Fatal(err)
	}
	p := New(Options{Snapshot: snapshot(s), Explain: noExplanations{}, Logger: slog.New(slog.DiscardHandler)})
	all, err := p.readDeliveries(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range all {
		for _, r := range d.Results {
			got = append(got, fmt.Sprintf("%d %s: %s", d.ID, d.State, r.Text))
		}
	}
	want := []string{
		"5 processed: not an incident by jira.incidents: not counted",
		"4 waiting: waiting for evaluation with earlier and later events",
		"3 set_aside: dead letter: it does not match its checksum",
		"2 waiting: failed 3 times, next attempt at 2026-03-02T09:50:00Z: no <room>",
		"1 waiting: waiting for its team",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Deliveries of deployments that count in no dora_* family say so, and those of a promotion name the environment of the status.
func TestIgnoredDelivery(t *testing.T) {
	s := shop.New(t)
	s.Rules.Policy.Tasks = dora.MustFilter("deploy")
	removed, promoted := shop.Status(1, "production", "V1", "success", 30), shop.Status(2, "staging", "V1", "success", 35)
	removed.Status.Deployment.Task, promoted.Status.Environment = "remove", "eu"
	s.Deliver(removed, dora.Event{Deployment: &removed.Status.Deployment}, promoted)
	s.Process()
	p := New(Options{Snapshot: snapshot(s), Explain: noExplanations{}, Logger: slog.New(slog.DiscardHandler)})
	all, err := p.readDeliveries(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range all {
		got = append(got, d.Event+": "+d.Results[len(d.Results)-1].Text)
	}
	why := "ignored in dora_*: task remove matches none of deployments.tasks"
	want := []string{"success, eu: duration 2h5m", "deployment, production: " + why, "success, production: " + why}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	seen, err := p.readEnvironments(t.Context())
	if diff := cmp.Diff(environments{Others: []string{"eu"}}, seen); err != nil || diff != "" {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}
