package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/persistence/teststore"
	"dora-exporter/receivers"
)

// movingGitHub has repositories with a deployment and a merged pull request each. Their number is that of the repository.
type movingGitHub struct {
	GitHub

	// found has the IDs of repositories by the names that lead to them, called their newest names by ID.
	found  map[string]int
	called map[int]string
	// changes is true if each page is of another repository, and has a next one.
	changes bool
	// pages is how many repositories were asked for pages.
	pages int
}

func (g *movingGitHub) Query(_ context.Context, _, query string, v map[string]any, data any) error {
	answer := map[string]any{"rateLimit": map[string]any{"cost": 1, "remaining": 4000}}
	repository := func(name any) any {
		nodes := func(node any) any {
			info := map[string]any{"hasNextPage": g.changes, "endCursor": fmt.Sprint(g.pages)}
			return map[string]any{"totalCount": 1, "pageInfo": info, "nodes": []any{node}}
		}
		if !strings.Contains(query, "commitOid") {
			return map[string]any{"databaseId": g.found[fmt.Sprint(name)], "nameWithOwner": fmt.Sprint("acme/", name), "pullRequests": nodes(nil), "deployments": nodes(map[string]any{"createdAt": month(6)})}
		}
		g.pages++
		id := g.found[fmt.Sprint(name)]
		if g.changes {
			id = g.pages
			g.called = map[int]string{id: fmt.Sprint(name)}
		}
		return map[string]any{
			"databaseId": id, "nameWithOwner": "acme/" + g.called[id], "url": "https://github.com/acme/" + g.called[id],
			"deployments": nodes(map[string]any{
				"databaseId": id, "environment": "production", "commitOid": fmt.Sprint("merge", id), "createdAt": month(6), "ref": map[string]any{"name": "main"},
				"statuses": map[string]any{"totalCount": 1, "nodes": []any{map[string]any{"state": "SUCCESS", "createdAt": month(6)}}},
			}),
			"pullRequests": nodes(map[string]any{"number": id, "mergedAt": month(5), "updatedAt": month(5), "mergeCommit": map[string]any{"oid": fmt.Sprint("merge", id)}}),
		}
	}
	if strings.Contains(query, "object(oid") {
		return json.Unmarshal([]byte(`{}`), data)
	}
	if v["name"] != nil {
		answer["repository"] = repository(v["name"])
	}
	for i := 0; v[fmt.Sprint("n", i)] != nil; i++ {
		answer[alias(i)] = repository(v[fmt.Sprint("n", i)])
	}
	text, err := json.Marshal(answer)
	return errors.Join(err, json.Unmarshal(text, data))
}

// moves is a store into which backfills read from a movingGitHub.
type moves struct {
	*testing.T
	*movingGitHub
	store *teststore.Store
}

func newMoves(t *testing.T) *moves {
	return &moves{t, &movingGitHub{}, teststore.At(t, filepath.Join(t.TempDir(), "dora-exporter.db"))}
}

// read reads repositories and returns how many pages it asked for.
func (m *moves) read(repositories ...string) (made Progress, pages int) {
	m.Helper()
	before := m.pages
	b := &Backfill{
		Request: Request{Since: month(1), Repositories: repositories, Sources: []string{dora.GitHub}}, GitHub: m.movingGitHub, DecodeDeployment: receivers.DecodeDeployment,
		Store: m.store.Store, NeedsFlags: isUnusual, Host: "api.github.com", Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return month(13) },
		Sleep: func(context.Context, time.Duration) {},
	}
	made, err := b.Run(m.Context())
	if err != nil {
		m.Fatal(err)
	}
	return made, m.pages - before
}

// check compares the numbers of the pull requests that were read of repositories.
func (m *moves) check(want map[string][]int) {
	m.Helper()
	for name, numbers := range want {
		found, err := m.store.Archived(m.Context(), dora.Commit{Host: "api.github.com", Owner: "acme", Repository: name})
		var got []int
		if err == nil && found != nil {
			for _, p := range found.Pulls {
				got = append(got, p.Number)
			}
		}
		if err != nil || fmt.Sprint(got) != fmt.Sprint(numbers) {
			m.Errorf("of %s the pull requests %v were read, want %v; error %v", name, got, numbers, err)
		}
	}
}

// A repository that is renamed between the listing and the reading is listed by both names and read once.
func TestRenamedWhileListed(t *testing.T) {
	m := newMoves(t)
	m.found, m.called = map[string]int{"api": 7, "web": 7}, map[int]string{7: "web"}
	made, pages := m.read("acme/api", "acme/web")
	m.check(map[string][]int{"api": nil, "web": {7}})
	if made.Deployments != 1 || made.Deliveries != 1 || len(made.Failed) > 0 || pages > 4 {
		t.Errorf("%+v, %d pages", made, pages)
	}
}

// A repository that was renamed since it was read is not read again.
func TestRenamedSinceRead(t *testing.T) {
	m := newMoves(t)
	m.found, m.called = map[string]int{"api": 7}, map[int]string{7: "api"}
	m.read("acme/api")
	m.found, m.called = map[string]int{"api": 7, "web": 7}, map[int]string{7: "web"}
	made, _ := m.read("acme/web")
	m.check(map[string][]int{"api": nil, "web": {7}})
	if made.Deployments != 0 || made.Done != 1 || len(made.Failed) > 0 {
		t.Errorf("%+v, want nothing to be new", made)
	}
	if made, pages := m.read("acme/web"); made.Deployments != 0 || made.Done != 1 || pages != 0 {
		t.Errorf("%+v, %d pages", made, pages)
	}
}

// A repository that has the name of one that was read before is another one.
func TestNameOfAnother(t *testing.T) {
	m := newMoves(t)
	m.found, m.called = map[string]int{"api": 7}, map[int]string{7: "api"}
	m.read("acme/api")
	m.found, m.called = map[string]int{"api": 8, "web": 7}, map[int]string{7: "web", 8: "api"}
	made, _ := m.read("acme/api")
	m.check(map[string][]int{"api": {8}, "web": nil})
	if made.Deployments != 1 || made.Deliveries != 1 || len(made.Failed) > 0 {
		t.Errorf("%+v", made)
	}
	made, _ = m.read("acme/web", "acme/api")
	m.check(map[string][]int{"api": {8}, "web": {7}})
	if made.Done != 2 || len(made.Failed) > 0 {
		t.Errorf("%+v", made)
	}
}

// A server that answers for another repository with each page is not asked forever.
func TestNameOfAnotherAgainAndAgain(t *testing.T) {
	m := newMoves(t)
	m.changes = true
	if made, pages := m.read("acme/api"); fmt.Sprint(made.Failed) != "[acme/api]" || made.Done != 1 || pages > 10 {
		t.Errorf("%+v, %d pages", made, pages)
	}
}
