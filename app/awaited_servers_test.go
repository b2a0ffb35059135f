package app

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/config"
	"dora-exporter/dora"
	"dora-exporter/history"
)

// The servers of a request are listed one after another. Until that is done for a server, questions about all of its repositories wait,
// afterwards those about the repositories that are read from it. Events call a proxy for github.com by github.com's name.
func TestAwaitedHistoryOfTwoServers(t *testing.T) {
	const github, enterprise, proxy = "api.github.com", "ghe.example.com", "proxy.example.com"
	text := fmt.Sprintf("github: {accounts: [{base_url: 'https://%s/', token: a}, {base_url: 'https://%s/api/v3/', token: b}]}\nstorage: {file: {path: %s}}",
		proxy, enterprise, filepath.Join(t.TempDir(), "dora-exporter.prom"))
	c, _, err := config.Parse("config.yml", []byte(text), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(t.Context(), Options{Config: c, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	a.awaited.Enricher, a.awaited.isServing, a.awaited.now = answering{}, true, func() time.Time { return now }
	waiting := func() (all []string) {
		now = now.Add(requestInterval)
		for _, host := range []string{github, enterprise} {
			for _, name := range []string{"web", "api", "docs"} {
				_, err := a.awaited.Origin(t.Context(), dora.Commit{Host: host, Owner: "acme", Repository: name, SHA: "1"})
				var paused *dora.PausedError
				if errors.As(err, &paused) {
					all = append(all, host+"/"+name)
				} else if err != nil {
					t.Fatal(err)
				}
			}
		}
		return all
	}
	expect := func(when string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, waiting()); diff != "" {
			t.Errorf("%s, -want +got:\n%s", when, diff)
		}
	}
	expect("no request")
	state := backfillState{ID: "a", Runner: "b", Beat: now}
	if err := a.store.Update(t.Context(), func(tx dora.Tx) error { return tx.Backfill().SavePart(requestPart, state) }); err != nil {
		t.Fatal(err)
	}
	expect("requested", github+"/web", github+"/api", github+"/docs", enterprise+"/web", enterprise+"/api", enterprise+"/docs")
	first, second := &history.Backfill{Host: proxy}, &history.Backfill{Host: enterprise}
	r := &runningBackfill{parts: &a.parts, logger: a.options.Logger, state: state}
	r.follow(history.Servers{first, second})
	first.OnPlanned(t.Context(), []string{"Acme/web"})
	expect("one is listed", github+"/web", enterprise+"/web", enterprise+"/api", enterprise+"/docs")
	second.OnPlanned(t.Context(), []string{"acme/API"})
	expect("both are listed", github+"/web", enterprise+"/api")
	if !first.IsAwaited("acme/web") || second.IsAwaited("beta/web") {
		t.Error("the backfill does not read first what is awaited")
	}
}
