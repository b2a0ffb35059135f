package app

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"dora-exporter/demo"
	"dora-exporter/dora"
	"dora-exporter/internal/testexporter"
	"dora-exporter/story/org"
)

// storedParts are the stored states of parts of a backfill.
type storedParts map[string]any

func (s storedParts) BackfillPart(_ context.Context, name string, into any) (bool, error) {
	part, known := s[name]
	if !known {
		return false, nil
	}
	text, err := json.Marshal(part)
	return true, errors.Join(err, json.Unmarshal(text, into))
}

// answering is an Enricher that knows everything.
type answering struct{ dora.Enricher }

func (answering) Origin(context.Context, dora.Commit) (dora.Origin, error) {
	return dora.Origin{}, nil
}

func (answering) Ship(context.Context, dora.Comparison) (dora.Shipment, map[string]dora.Origin, error) {
	return dora.Shipment{}, nil, nil
}

// awaitedAt is when the questions of TestAwaitedHistory are asked first.
var awaitedAt = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// running is a request that a server carries out.
func running() backfillState { return backfillState{ID: "a", Runner: "b", Beat: awaitedAt} }

// withRequest returns what is stored about a changed request that reads acme/web.
func withRequest(change func(*backfillState)) storedParts {
	state := running()
	change(&state)
	return storedParts{requestPart: state, targetsPart: backfillTargets{ID: "a", Repositories: []string{"api.github.com/acme/web"}}}
}

// unlisted returns what is stored about a request whose repositories are not listed yet.
func unlisted(repositories ...string) storedParts {
	s := withRequest(func(s *backfillState) { s.Request.Repositories = repositories })
	s[targetsPart] = backfillTargets{ID: "of an earlier request"}
	return s
}

// reading returns what is stored about a request that has begun to read acme/web.
func reading(isRead bool) storedParts {
	s := withRequest(func(*backfillState) {})
	s["github/api.github.com/acme/web"] = map[string]bool{"history_read": isRead}
	return s
}

// A question about a repository waits while a backfill is about to read it, and no longer.
func TestAwaitedHistory(t *testing.T) {
	for name, test := range map[string]struct {
		stored       storedParts
		isConfigured bool
		after        time.Duration
		waits        bool
	}{
		"no request":                           {stored: storedParts{}},
		"before the first start's request":     {stored: storedParts{}, isConfigured: true, waits: true},
		"about to be read":                     {stored: withRequest(func(*backfillState) {}), waits: true},
		"done":                                 {stored: withRequest(func(s *backfillState) { s.Done = true })},
		"can't be read":                        {stored: withRequest(func(s *backfillState) { s.Progress.Failed = []string{"Acme/Web"} })},
		"of an owner that can't be read":       {stored: withRequest(func(s *backfillState) { s.Progress.Failed = []string{"acme/*"} })},
		"another repository can't be read":     {stored: withRequest(func(s *backfillState) { s.Progress.Failed = []string{"acme/api"} }), waits: true},
		"listing fails":                        {stored: withRequest(func(s *backfillState) { s.Error = "502" })},
		"issues alone":                         {stored: withRequest(func(s *backfillState) { s.Request.Sources = []string{dora.Jira} })},
		"another repository is read":           {stored: storedParts{requestPart: running(), targetsPart: backfillTargets{ID: "a", Repositories: []string{"api.github.com/acme/api", "ghe.example.com/acme/web"}}}},
		"not listed yet":                       {stored: unlisted(), waits: true},
		"not listed yet, named":                {stored: unlisted("Acme/Web"), waits: true},
		"not listed yet, named with its host":  {stored: unlisted("github.com/acme/web"), waits: true},
		"not listed yet, all of its owner":     {stored: unlisted("acme/*"), waits: true},
		"not listed yet, on another server":    {stored: unlisted("ghe.example.com/acme/web")},
		"not listed yet, others are named":     {stored: unlisted("acme/api", "beta/*")},
		"nearly for too long":                  {stored: withRequest(func(s *backfillState) { s.Beat = awaitedAt.Add(maxHistoryWait) }), after: maxHistoryWait - time.Second, waits: true},
		"for too long":                         {stored: withRequest(func(s *backfillState) { s.Beat = awaitedAt.Add(maxHistoryWait) }), after: maxHistoryWait},
		"a server that has stopped carries on": {stored: withRequest(func(*backfillState) {}), after: abandonedAfter + time.Second},
		"read":                                 {stored: reading(true)},
		"being read":                           {stored: reading(false), waits: true},
	} {
		t.Run(name, func(t *testing.T) {
			now := awaitedAt
			a := &awaiting{Enricher: answering{}, store: test.stored, isServing: true, isConfigured: test.isConfigured, now: func() time.Time { return now }}
			c := dora.Commit{Host: "api.github.com", Owner: "Acme", Repository: "Web", SHA: "1"}
			_, first := a.Origin(t.Context(), c)
			now = now.Add(test.after)
			_, _, err := a.Ship(t.Context(), dora.Comparison{Head: c})
			var paused *dora.PausedError
			if waits := errors.As(err, &paused); waits != test.waits || err != nil && !waits {
				t.Errorf("error %v", err)
			}
			if waited := errors.As(first, &paused); a.IsAwaited("api.github.com", "acme/WEB") != (waited && test.after < maxHistoryWait) {
				t.Errorf("awaited is %t, the error was %v", !waited, first)
			}
		})
	}
}

// heldGitHub does not answer the first query until it is released.
type heldGitHub struct {
	*org.GitHub
	held, release chan struct{}
	hold          func()
	// early has the paths of other calls that came before.
	early lockedLog
}

func newHeldGitHub(plan org.Plan) *heldGitHub {
	g := &heldGitHub{GitHub: org.NewGitHub(org.New(plan)), held: make(chan struct{}), release: make(chan struct{})}
	g.hold = sync.OnceFunc(func() {
		close(g.held)
		<-g.release
	})
	return g
}

func (g *heldGitHub) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	select {
	case <-g.release:
	default:
		if q.URL.Path == "/graphql" {
			g.hold()
		} else {
			_, _ = fmt.Fprintln(&g.early, q.URL.Path)
		}
	}
	g.GitHub.ServeHTTP(w, q)
}

// counted returns how many statuses count on /metrics.
func counted(t *testing.T, a *App) int {
	t.Helper()
	sum := 0.0
	for line := range strings.Lines(metricsOf(t, a)) {
		if strings.HasPrefix(line, "github_deployments_total{") {
			var value float64
			_, _ = fmt.Sscan(line[strings.LastIndex(line, " ")+1:], &value)
			sum += value
		}
	}
	return int(sum)
}

// Webhooks that arrive while a backfill is under way wait for it, and what it brings answers what they ask: no calls but those of the
// backfill. They count meanwhile.
func TestWebhooksDuringBackfill(t *testing.T) {
	t.Parallel()
	end := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
	g := newHeldGitHub(org.Plan{Repositories: 4, Releases: 60, Begin: end.AddDate(-3, 0, 0), End: end, Seed: 5})
	server := httptest.NewServer(g)
	defer server.Close()
	o := parsedOptions(t, fmt.Sprintf("server: {host: 127.0.0.1}\ngithub: {owner: acme, base_url: %s, webhook_secret: github}\nstorage: {file: {path: %s}}\n"+
		"deployments: {settle: 1s}\nbackfill: {since: %s}\n%s",
		server.URL, filepath.Join(t.TempDir(), "dora-exporter.prom"), end.AddDate(-4, 0, 0).Format(time.DateOnly), g.Config()))
	a := startApp(t, o)
	<-g.held
	sent := 0
	for index := range 4 {
		bodies := g.Statuses(index)
		for _, body := range bodies[len(bodies)-20:] {
			(&halfYear{}).send(t, a, demo.Event{Webhook: signedStatus(body)})
			sent++
		}
	}
	testexporter.Eventually(t, "all webhooks count", func() error {
		if n := counted(t, a); n != sent {
			return fmt.Errorf("%d of %d", n, sent)
		}
		return nil
	})
	testexporter.Eventually(t, "all repositories are awaited", func() error {
		for index := range 4 {
			if name := fmt.Sprintf("acme/service-%03d", index); !a.awaited.IsAwaited(dora.Host(server.URL), name) {
				return errors.New(name)
			}
		}
		return nil
	})
	if text := g.early.String(); text != "" {
		t.Errorf("calls before the history was read:\n%s", text)
	}
	close(g.release)
	if state := a.awaitRequest(t, func(s backfillState) bool { return s.Done }); state.Error != "" {
		t.Errorf("%+v", state)
	}
	if err := a.waitUntilSettled(t.Context(), func(int) {}); err != nil {
		t.Fatal(err)
	}
	calls, points := g.Spent()
	most := 0.05 * float64(g.Deployments())
	t.Logf("%d deployments, %d calls, %d points; %s", g.Deployments(), calls, points, g.Kinds())
	if float64(calls) > most || float64(points) > most {
		t.Errorf("%d calls, %d points for %d deployments", calls, points, g.Deployments())
	}
}

// signedStatus returns the webhook of a status.
func signedStatus(body string) demo.Webhook {
	mac := hmac.New(sha256.New, []byte(demoSecrets.GitHub))
	mac.Write([]byte(body))
	return demo.Webhook{Path: "/api/github", Body: []byte(body), Header: map[string]string{
		"Content-Type": "application/json", "X-GitHub-Event": "deployment_status", "X-Hub-Signature-256": "sha256=" + hex.EncodeToString(mac.Sum(nil)),
	}}
}
