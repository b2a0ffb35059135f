package app

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/history"
	"dora-exporter/story/org"
)

// newPartialOutage returns the options of an exporter whose GitHub does not answer for acme/service-001, although it answers others, during an
// outage.
func newPartialOutage(t *testing.T) (o Options, g *org.GitHub, isOut *atomic.Bool) {
	t.Helper()
	end := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
	g = org.NewGitHub(org.New(org.Plan{Repositories: 3, Releases: 20, Begin: end.AddDate(-1, 0, 0), End: end, Seed: 5}))
	isOut = &atomic.Bool{}
	isOut.Store(true)
	fails := with(http.StatusOK, `{"data": {"repository": {"databa`, func(_, body string) bool { return isOut.Load() && asksForOne("", body) })
	s := httptest.NewServer(&faultyServer{g, fault{answer: fails}})
	t.Cleanup(s.Close)
	o = parsedOptions(t, fmt.Sprintf("server: {host: 127.0.0.1}\ngithub: {owner: acme, base_url: %s, token: t, webhook_secret: s}\nstorage: {file: {path: %s}}\n",
		s.URL, filepath.Join(t.TempDir(), "dora-exporter.prom")))
	o.Config.Policy.Settle = time.Second
	o.Config.Backfill.Since = end.AddDate(-2, 0, 0)
	return o, g, isOut
}

// What backfill.since asks for stays requested while GitHub does not answer for a repository. The next attempt reads only that one.
func TestConfiguredBackfillInPartialOutage(t *testing.T) {
	t.Parallel()
	o, g, isOut := newPartialOutage(t)
	a := startApp(t, o, withoutWaits)
	unread := a.awaitRequest(t, func(s backfillState) bool { return s.Error != "" })
	if unread.Done || !strings.Contains(unread.Error, "/acme/service-001, so that not all was read") || unread.Progress.Deployments != g.Deployments()-g.DeploymentsOf(1) {
		t.Errorf("%+v", unread)
	}
	want := []string{dora.Host(o.Config.GitHub.BaseURL) + "/acme/service-001"}
	if r := unread.Request; !slices.Equal(r.Repositories, want) || !slices.Equal(r.Sources, []string{dora.GitHub}) {
		t.Errorf("it asks for %+v, want %s", r, want)
	}
	if _, found, err := a.claimBackfill(t.Context(), &o); found || err != nil {
		t.Errorf("it begins again at once, %v", err)
	}
	stopApp(t, a)
	isOut.Store(false)
	a = startApp(t, o)
	read := a.awaitRequest(t, func(s backfillState) bool { return s.Done })
	if read.Error != "" || read.Progress.Repositories != 1 || read.Progress.Deployments != g.DeploymentsOf(1) {
		t.Errorf("%+v", read)
	}
}

// stillClock is a store's clock that stands still.
type stillClock time.Time

func (c stillClock) Now() time.Time { return time.Time(c) }

func (stillClock) Run(context.Context) {}

// A request that waits for the end of an outage is tried again after an hour.
func TestPausedRequest(t *testing.T) {
	p := &parts{clock: stillClock(fakeStart), started: fakeStart.Add(-dora.Day)}
	for name, test := range map[string]struct {
		state backfillState
		want  bool
	}{
		"never tried":                 {backfillState{Configured: true}, false},
		"tried before the start":      {backfillState{Configured: true, IncompleteAt: p.started.Add(-time.Minute)}, false},
		"tried less than an hour ago": {backfillState{Configured: true, IncompleteAt: p.clock.Now().Add(-59 * time.Minute)}, true},
		"tried an hour ago":           {backfillState{Configured: true, IncompleteAt: p.clock.Now().Add(-time.Hour)}, false},
		"a command's, tried just now": {backfillState{IncompleteAt: p.clock.Now()}, false},
	} {
		if got := p.isPaused(&test.state); got != test.want {
			t.Errorf("%s: %t, want %t", name, got, test.want)
		}
	}
}

// A command reads and evaluates all but the repository that GitHub does not answer for, and fails with its name. The same command reads it
// after the outage.
func TestBackfillInPartialOutage(t *testing.T) {
	t.Parallel()
	o, g, isOut := newPartialOutage(t)
	request := BackfillRequest{Since: o.Config.Backfill.Since}
	a, err := openParts(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	withoutWaits(a)
	made, err := a.backfill(t.Context(), request, nil, func(history.Servers) {})
	if err == nil || !strings.Contains(err.Error(), "/acme/service-001, so that not all was read") || !slices.Equal(made.Failed, []string{"acme/service-001"}) {
		t.Errorf("%+v, %v", made, err)
	}
	if left, err := a.backlog(t.Context()); err != nil || left.Deliveries+left.Evaluations > 0 || made.Deployments != g.Deployments()-g.DeploymentsOf(1) {
		t.Errorf("%+v is left of %+v, %v", left, made, err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	isOut.Store(false)
	if made, err := Backfill(t.Context(), o, request, nil); err != nil || made.Deployments < g.DeploymentsOf(1) || len(made.Failed) > 0 {
		t.Errorf("again: %+v, %v", made, err)
	}
}
