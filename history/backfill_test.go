package history

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// scriptedGitHub fails as often as it is told to, and then answers.
type scriptedGitHub struct {
	fail  []error
	asked []string
}

func (g *scriptedGitHub) Query(_ context.Context, _, query string, v map[string]any, data any) error {
	size := fmt.Sprint(v["deploymentsFirst"], "/", v["pullsFirst"], "/", v["commitsFirst"])
	g.asked = append(g.asked, size)
	if len(g.fail) > 0 {
		err := g.fail[0]
		g.fail = g.fail[1:]
		return err
	}
	if !strings.Contains(query, "$pullsFirst") {
		return fmt.Errorf("the query %s is not expected", query)
	}
	return json.Unmarshal([]byte(`{"rateLimit": {"cost": 3, "remaining": 4000}, "repository": {"databaseId": 7, "nameWithOwner": "acme/web", "url": "https://github.com/acme/web",
		"deployments": {"pageInfo": {}, "nodes": []}, "pullRequests": {"pageInfo": {}, "nodes": []}}}`), data)
}

func (g *scriptedGitHub) Deployments(context.Context, string, string, int) ([]json.RawMessage, int, error) {
	return []json.RawMessage{
		json.RawMessage(`{"id": 2, "sha": "b", "environment": "production", "created_at": "2025-06-02T00:00:00Z"}`),
		json.RawMessage(`{"id": 1, "sha": "a", "environment": "production", "created_at": "2024-06-01T00:00:00Z"}`),
	}, 0, nil
}

func (g *scriptedGitHub) DeploymentStatuses(context.Context, string, string, int64, int) ([]json.RawMessage, int, error) {
	return nil, 0, nil
}

func (g *scriptedGitHub) OwnerRepositories(_ context.Context, owner string, number int) ([]string, int, error) {
	if number == 1 {
		return []string{owner + "/web"}, 2, nil
	}
	return []string{owner + "/api"}, 0, nil
}

// pagesInMemory is the part of a store that reading pages needs.
type pagesInMemory struct {
	dora.Tx
	dora.BackfillTx

	pages map[string][]dora.ArchivePage
}

func (s *pagesInMemory) Update(_ context.Context, f func(dora.Tx) error) error { return f(s) }
func (s *pagesInMemory) Backlog(context.Context) (dora.Backlog, error)         { return dora.Backlog{}, nil }
func (s *pagesInMemory) Backfill() dora.BackfillTx                             { return s }
func (s *pagesInMemory) Part(string, any) (bool, error)                        { return false, nil }
func (s *pagesInMemory) SavePart(string, any) error                            { return nil }
func (s *pagesInMemory) AddPage(name string, page dora.ArchivePage) error {
	s.pages[name] = append(s.pages[name], page)
	return nil
}

func newTestBackfill(g *scriptedGitHub) (*Backfill, *pagesInMemory) {
	store := &pagesInMemory{pages: map[string][]dora.ArchivePage{}}
	b := &Backfill{
		Request: Request{Since: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)}, GitHub: g, Store: store, NeedsFlags: isUnusual, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		Sleep: func(_ context.Context, d time.Duration) { time.Sleep(d) },
	}
	b.prepare()
	return b, store
}

func TestReadPagesAfterFailures(t *testing.T) {
	const whole = "100/73/100"
	for name, test := range map[string]struct {
		fail  []error
		rate  int
		asked []string
		took  time.Duration
	}{
		"answered at once":                {asked: []string{whole}},
		"a query that is too large":       {fail: []error{dora.ErrTooLarge, dora.ErrTooLarge}, asked: []string{whole, "50/36/100", "25/18/100"}},
		"a rate limit that says how long": {fail: []error{&dora.LimitedError{Wait: 90 * time.Second, Err: fmt.Errorf("slow down")}}, asked: []string{whole, whole}, took: 90 * time.Second},
		"a rate limit that does not":      {fail: []error{&dora.LimitedError{Err: fmt.Errorf("slow down")}}, asked: []string{whole, whole}, took: time.Minute},
		"an outage":                       {fail: []error{fmt.Errorf("503")}, asked: []string{whole, whole}, took: dora.Backoff(1)},
		"ten calls an hour":               {rate: 10, fail: []error{dora.ErrTooLarge}, asked: []string{whole, "50/36/100"}, took: 6 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := &scriptedGitHub{fail: test.fail}
				b, _ := newTestBackfill(g)
				if test.rate > 0 {
					b.interval = time.Hour / time.Duration(test.rate)
				}
				began := time.Now()
				if err := b.readPages(t.Context(), &part{Owner: "acme", Name: "web", span: b.spanOf()}); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(test.asked, g.asked); diff != "" {
					t.Errorf("sizes: -want +got:\n%s", diff)
				}
				if took := time.Since(began); took != test.took {
					t.Errorf("it took %s, want %s", took, test.took)
				}
				if b.spent.Calls != len(test.asked) || b.spent.Points != 3 {
					t.Errorf("spent %+v", b.spent)
				}
			})
		})
	}
}

// The size of a query that can't be smaller ends the attempts.
func TestReadPagesThatAreTooLarge(t *testing.T) {
	g := &scriptedGitHub{}
	for range 20 {
		g.fail = append(g.fail, dora.ErrTooLarge)
	}
	b, _ := newTestBackfill(g)
	if err := b.readPages(t.Context(), &part{Owner: "acme", Name: "web"}); err == nil || g.asked[len(g.asked)-1] != "1/1/1" {
		t.Errorf("error %v; asked %q", err, g.asked)
	}
}

// Without GraphQL, deployments come from REST, with all that has to be asked for one by one.
func TestReadWithoutBulk(t *testing.T) {
	b, store := newTestBackfill(&scriptedGitHub{})
	p := &part{Owner: "acme", Name: "web", Host: "ghe.example.com", span: b.spanOf()}
	if err := b.readWithoutBulk(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, page := range store.pages[p.deploymentsPart()] {
		for _, d := range page.Deployments {
			got = append(got, fmt.Sprint(d.ID, " ", d.SHA, " ", d.Incomplete))
		}
	}
	if diff := cmp.Diff([]string{"2 b true"}, got); diff != "" || !p.DeploymentsRead || !p.PullsRead {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A bot's login ends in [bot], as in REST; GraphQL tells the user of a bot's commit by its address alone.
func TestLogins(t *testing.T) {
	commit := func(email string, u *actorNode) commitNode {
		var c commitNode
		c.Author = &struct {
			Email string     `json:"email"`
			User  *actorNode `json:"user"`
		}{email, u}
		return c
	}
	for name, test := range map[string]struct{ got, want string }{
		"user":                   {(&actorNode{"User", "ann"}).login(), "ann"},
		"bot":                    {(&actorNode{"Bot", "dependabot"}).login(), "dependabot[bot]"},
		"nobody":                 {(*actorNode)(nil).login(), ""},
		"commit of a user":       {commit("a@b", &actorNode{"User", "ann"}).archived().Author, "ann"},
		"commit of a bot":        {commit("49699333+renovate[bot]@users.noreply.github.com", nil).archived().Author, "renovate[bot]"},
		"commit of a stranger":   {commit("x@example.com", nil).archived().Author, ""},
		"commit of GitHub's own": {commit("noreply@github.com", nil).archived().Author, ""},
	} {
		if test.got != test.want {
			t.Errorf("%s: %q, want %q", name, test.got, test.want)
		}
	}
}
