package dora_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
)

// outage is a catalog that answers only after a time.
type outage struct{ until time.Time }

func (o outage) RepositoryTeam(context.Context, string, string) (string, error) {
	if time.Now().Before(o.until) {
		return "", errors.New("backstage is down")
	}
	return "Platform", nil
}

func (o outage) ProjectTeam(ctx context.Context, _ string) (string, error) {
	return o.RepositoryTeam(ctx, "", "")
}

func TestADeliveryWaitsForItsTeam(t *testing.T) {
	for name, test := range map[string]struct {
		down    time.Duration
		team    string
		givenUp int
	}{
		"shorter than max_wait": {down: 10 * time.Minute, team: "Platform"},
		"longer than max_wait":  {down: time.Hour, team: dora.Unknown, givenUp: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := openStore(t)
				accept(t, store, status(1, "success", 0))
				givenUp := 0
				p := &dora.Processor{
					Store: store, Catalog: outage{until: time.Now().Add(test.down)}, Logger: slog.New(slog.DiscardHandler),
					MaxWait: 15 * time.Minute, Now: time.Now, OnTeamGivenUp: func() { givenUp++ },
				}
				run := func(d time.Duration) {
					ctx, cancel := context.WithTimeout(t.Context(), d)
					defer cancel()
					p.Run(ctx)
				}
				run(9 * time.Minute)
				if got := facts(t, store); got != nil {
					t.Errorf("counted before the team is known: %q", got)
				}
				run(7 * time.Minute)
				want := []string{`github_deployments_total{environment="production",repo="web",status="success",team="` + test.team + `"} 1`}
				wantFacts(t, store, "facts", want...)
				if givenUp != test.givenUp {
					t.Errorf("given up %d times, want %d", givenUp, test.givenUp)
				}
			})
		})
	}
}

// A delivery that can't be processed, here one of a later version, is kept and does not hold up the others.
func TestADeliveryThatCannotBeProcessedIsSetAside(t *testing.T) {
	store := openStore(t)
	accept(t, store, status(1, "success", 0), dora.Event{}, status(2, "success", 0))
	process(t, store, platform{})
	total := series(dora.DeploymentsTotal, "success") + "1"
	wantFacts(t, store, "facts", total, total)
	if pending, _, _, err := store.Backlog(t.Context()); err != nil || pending != 1 {
		t.Errorf("%d pending, %v; want the one that can't be processed", pending, err)
	}
}
