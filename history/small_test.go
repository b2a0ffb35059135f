package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/persistence/teststore"
	"dora-exporter/receivers"
)

// size is how many deployments and pull requests a repository has.
type size struct{ deployments, pulls int }

// sizedPages answers queries about repositories, of each with a deployment of month(6), and notes of which it was asked for pages and for commits
// that are missing.
type sizedPages struct {
	GitHub

	sizes map[string]size
	// newest are the times of another, newer deployment.
	newest map[string]time.Time
	// broken are repositories for which each query fails.
	broken        map[string]error
	fail          []error
	failBehind    []error
	asked, behind [][]string
	// lists is how often lists were asked for.
	lists int
	// numbered are the deployments whose statuses were asked for by REST.
	numbered []int64
	// onQuery and onStatuses are called before each answer.
	onQuery    func(query string)
	onStatuses func(deployment int64)
}

func (g *sizedPages) Query(_ context.Context, _, query string, v map[string]any, data any) error {
	var names []string
	repository := func(owner, name any) map[string]any {
		names = append(names, fmt.Sprint(name))
		id := int(fmt.Sprint(name)[0])
		deployment := func(id int, at time.Time) any {
			return map[string]any{
				"databaseId": id, "environment": "production", "commitOid": "a", "createdAt": at, "ref": map[string]any{"name": "main"},
				"statuses": map[string]any{"totalCount": 1, "nodes": []any{map[string]any{"state": "SUCCESS", "createdAt": at}}},
			}
		}
		deployments := []any{deployment(id, month(6))}
		if at, ok := g.newest[fmt.Sprint(name)]; ok {
			deployments = slices.Insert(deployments, 0, deployment(1000+id, at))
		}
		return map[string]any{
			"databaseId": id, "nameWithOwner": fmt.Sprint(owner, "/", name), "url": fmt.Sprint("https://github.com/", owner, "/", name),
			"pullRequests": map[string]any{"totalCount": g.sizes[fmt.Sprint(name)].pulls},
			"deployments":  map[string]any{"totalCount": g.sizes[fmt.Sprint(name)].deployments, "nodes": deployments},
		}
	}
	answer := map[string]any{"rateLimit": map[string]any{"cost": 1, "remaining": 4000}}
	if v["name"] != nil {
		answer["repository"] = repository(v["owner"], v["name"])
	}
	for i := 0; v[fmt.Sprint("n", i)] != nil; i++ {
		answer[alias(i)] = repository(v[fmt.Sprint("o", i)], v[fmt.Sprint("n", i)])
	}
	if g.onQuery != nil {
		g.onQuery(query)
	}
	switch {
	case strings.Contains(query, "object(oid"):
		g.behind = append(g.behind, names)
		if len(g.failBehind) > 0 {
			err := g.failBehind[0]
			g.failBehind = g.failBehind[1:]
			return err
		}
		return json.Unmarshal([]byte(`{}`), data)
	case strings.Contains(query, "commitOid"), query == controlQuery:
		if len(names) > 0 {
			g.asked = append(g.asked, names)
		}
		for _, name := range names {
			if err := g.broken[name]; err != nil {
				return err
			}
		}
		if len(g.fail) > 0 {
			err := g.fail[0]
			if g.fail = g.fail[1:]; err != nil {
				return err
			}
		}
	default:
		g.lists++
	}
	text, err := json.Marshal(answer)
	return errors.Join(err, json.Unmarshal(text, data))
}

// DeploymentStatuses returns the success of a deployment, with a number.
func (g *sizedPages) DeploymentStatuses(_ context.Context, _, repository string, id int64, _ int) ([]json.RawMessage, int, error) {
	if g.onStatuses != nil {
		g.onStatuses(id)
	}
	g.numbered = append(g.numbered, id)
	at, err := g.newest[repository].MarshalText()
	return []json.RawMessage{fmt.Appendf(nil, `{"id": %d, "state": "success", "created_at": %q}`, 10*id, at)}, 0, err
}

// newSizedBackfill returns a backfill of repositories.
func newSizedBackfill(t *testing.T, g *sizedPages, repositories ...string) *Backfill {
	t.Helper()
	return &Backfill{
		Request: Request{Since: month(1), Repositories: repositories, Sources: []string{dora.GitHub}}, GitHub: g, DecodeDeployment: receivers.DecodeDeployment,
		Store: teststore.At(t, filepath.Join(t.TempDir(), "dora-exporter.db")).Store, NeedsFlags: isUnusual, Host: "api.github.com", Logger: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return month(13) }, Sleep: func(context.Context, time.Duration) {},
	}
}

// again returns a backfill with the same request and store, as that of the next process.
func again(b *Backfill) *Backfill {
	return &Backfill{
		Request: b.Request, GitHub: b.GitHub, DecodeDeployment: b.DecodeDeployment, Store: b.Store, NeedsFlags: b.NeedsFlags, Host: b.Host, Logger: b.Logger,
		Now: b.Now, Sleep: b.Sleep,
	}
}

// Small repositories are read together as long as that costs 2 points. If GitHub can't answer so much, each is read on its own.
func TestSmallRepositoriesTogether(t *testing.T) {
	sizes := map[string]size{
		"a": {20, 20}, // 62 requests
		"b": {90, 40}, // 172
		"c": {30, 30}, // 92
		"d": {10, 8},  // 28
		"e": {1, 0},   // 5: a query asks for one pull request at least
	} // a, b and e: 239; c and d: 120
	for name, test := range map[string]struct {
		fail          []error
		failBehind    []error
		asked, behind [][]string
	}{
		"answered": {asked: [][]string{{"a", "b", "e"}, {"c", "d"}}, behind: [][]string{{"a", "b", "e"}, {"c", "d"}}},
		"too much": {
			fail:   []error{dora.ErrTooLarge},
			asked:  [][]string{{"a", "b", "e"}, {"a"}, {"b"}, {"c", "d"}, {"e"}},
			behind: [][]string{{"a"}, {"b"}, {"c", "d"}, {"e"}},
		},
		"commits can't be read together": {
			failBehind: []error{dora.ErrNoBulk},
			asked:      [][]string{{"a", "b", "e"}, {"c", "d"}},
			behind:     [][]string{{"a", "b", "e"}, {"a"}, {"b"}, {"c", "d"}, {"e"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := &sizedPages{sizes: sizes, fail: test.fail, failBehind: test.failBehind}
			b := newSizedBackfill(t, g, "acme/a", "acme/b", "acme/c", "acme/d", "acme/e")
			made, err := b.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([][][]string{test.asked, test.behind}, [][][]string{g.asked, g.behind}); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if made.Done != 5 || made.Deployments != 5 || len(made.Failed) > 0 {
				t.Errorf("progress is %+v", made)
			}
		})
	}
}

// A query asks for a pull request also where there is none, which costs 2 requests: 104, 104 and 42 are more than 2 points.
func TestSmallRepositoriesWithoutPulls(t *testing.T) {
	g := &sizedPages{sizes: map[string]size{"a": {100, 0}, "b": {100, 0}, "c": {38, 0}}}
	if _, err := newSizedBackfill(t, g, "acme/a", "acme/b", "acme/c").Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{"a", "b"}, {"c"}}, g.asked); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A backfill that is repeated reads what is newer of small repositories one by one, if something may be.
func TestSmallRepositoriesAgain(t *testing.T) {
	g := &sizedPages{sizes: map[string]size{"a": {2, 1}, "b": {1, 1}}, newest: map[string]time.Time{}}
	b := newSizedBackfill(t, g, "acme/a", "acme/b")
	for range 2 {
		if _, err := b.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		b = again(b)
		g.newest["b"] = b.Now().Add(-redeliveryWindow + time.Second) // of a deployment whose statuses may be newer
	}
	if diff := cmp.Diff([][]string{{"a", "b"}, {"b"}}, g.asked); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What something waits for is read before the others.
func TestAwaitedRepositoriesFirst(t *testing.T) {
	g := &sizedPages{sizes: map[string]size{"a": {90, 90}, "b": {90, 90}, "c": {90, 90}, "d": {90, 90}}}
	b := newSizedBackfill(t, g, "acme/a", "acme/b", "acme/c", "acme/d")
	var planned []string
	b.OnPlanned = func(_ context.Context, repositories []string) { planned = repositories }
	b.IsAwaited = func(name string) bool { return name == "acme/c" || name == "acme/b" && len(g.asked) > 1 }
	made, err := b.Run(t.Context())
	if err != nil || made.Done != 4 || made.Deployments != 4 {
		t.Fatalf("%+v, %v", made, err)
	}
	if diff := cmp.Diff([][]string{{"c"}, {"a"}, {"b"}, {"d"}}, g.asked); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"acme/a", "acme/b", "acme/c", "acme/d"}, planned); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
