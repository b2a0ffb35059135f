package history

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"dora-exporter/dora"
)

// endlessCommits answers queries for missing commits. In the repository "wide" the
// head has two hundred parents and each of these two, none the same, in "deep" each has one.
type endlessCommits struct {
	GitHub

	// asked are the commits that a query asked for, by repository.
	asked map[string][]int
	last  int
}

func (g *endlessCommits) Query(_ context.Context, _, query string, v map[string]any, data any) error {
	answer := map[string]any{"rateLimit": map[string]any{"cost": 1, "remaining": 4000}}
	for i, part := range strings.Split(query, "repository(")[1:] {
		name := fmt.Sprint(v[fmt.Sprint("n", i)])
		objects := map[string]any{}
		for j, object := range strings.Split(part, `object(oid: "`)[1:] {
			sha, _, _ := strings.Cut(object, `"`)
			var parents []any
			n := map[string]int{"wide": 2, "deep": 1}[name]
			if name == "wide" && sha == "head" {
				n = 200
			}
			for range n {
				g.last++
				parents = append(parents, map[string]any{"oid": fmt.Sprint("parent ", g.last)})
			}
			if sha == "base" {
				parents = nil
			}
			objects[alias(j)] = map[string]any{"history": map[string]any{"nodes": []any{map[string]any{"oid": sha, "parents": map[string]any{"nodes": parents}}}}}
		}
		g.asked[name] = append(g.asked[name], len(objects))
		answer[alias(i)] = objects
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, data)
}

// A repository in which much is missing takes no queries from those that are read with it.
func TestGapsOfSeveralRepositories(t *testing.T) {
	g := &endlessCommits{asked: map[string][]int{}}
	store := &pagesInMemory{pages: map[string][]dora.ArchivePage{}}
	b := &Backfill{GitHub: g, Store: store, Logger: slog.New(slog.DiscardHandler), Now: time.Now, Sleep: func(context.Context, time.Duration) {}}
	b.prepare()
	successes := func(shas ...string) (all []dora.ArchivedDeployment) {
		for i, sha := range shas {
			at := month(i + 1)
			all = append(all, dora.ArchivedDeployment{
				ID: int64(i + 1), SHA: sha, Created: at, Document: json.RawMessage(`{"environment": "production"}`),
				Statuses: []dora.ArchivedStatus{{State: "success", At: at}},
			})
		}
		return all
	}
	var all []*gaps
	for _, name := range []string{"wide", "deep"} {
		all = append(all, gapsOf(&part{Owner: "acme", Name: name}, successes("base", "head"), nil))
	}
	if err := b.readGaps(t.Context(), "acme", all); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"wide": "[2 149 149 149 149]", // all that a query asks for, five times
		"deep": "[2 1 1 1 1]",         // both commits, then a parent each time
	} {
		if got := fmt.Sprint(g.asked[name]); got != want {
			t.Errorf("%s: %s commits were asked for, want %s", name, got, want)
		}
	}
}
