package history

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sizedGitHub answers a query for the sizes of named repositories.
type sizedGitHub struct {
	GitHub

	answer string
}

func (g sizedGitHub) Query(_ context.Context, _, _ string, _ map[string]any, data any) error {
	return json.Unmarshal([]byte(g.answer), data)
}

// Named repositories are read if something was deployed there since, and what it costs to find out is counted.
func TestNamedRepositories(t *testing.T) {
	b, _ := newTestBackfill(&scriptedGitHub{})
	b.GitHub = sizedGitHub{answer: `{"rateLimit": {"cost": 1, "remaining": 4999}, "c0": null,
		"c1": {"databaseId": 7, "nameWithOwner": "acme/web", "pullRequests": {"totalCount": 250}, "deployments": {"totalCount": 120, "nodes": [{"createdAt": "2025-06-01T00:00:00Z"}]}},
		"c2": {"nameWithOwner": "acme/old", "deployments": {"totalCount": 1, "nodes": [{"createdAt": "2024-06-01T00:00:00Z"}]}}}`}
	b.Repositories = []string{"acme/gone", "acme/web", "acme/old"}
	b.prepare()
	all, err := b.listTargets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 || all[0] != (target{"acme/web", 4, 120, 250, 7, month(6)}) {
		t.Errorf("targets are %v", all)
	}
	if diff := cmp.Diff(Spent{Calls: 1, Points: 1}, b.spent); diff != "" {
		t.Errorf("spent: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"acme/gone"}, b.progress.Failed); diff != "" {
		t.Errorf("failed: -want +got:\n%s", diff)
	}
}

// pullsGitHub has a repository with merged pull requests and no more than one deployment. It counts the pages that are asked for.
type pullsGitHub struct {
	GitHub

	pulls, pages int
}

func (g *pullsGitHub) Query(_ context.Context, _, query string, v map[string]any, data any) error {
	if !strings.Contains(query, "$pullsFirst") {
		return json.Unmarshal(fmt.Appendf(nil, `{"rateLimit": {"cost": 1, "remaining": 4999}, "c0": {"nameWithOwner": "acme/web", "pullRequests": {"totalCount": %d},
			"deployments": {"totalCount": 1, "nodes": [{"createdAt": "2025-06-01T00:00:00Z"}]}}}`, g.pulls), data)
	}
	g.pages++
	before, _ := v["pullsAfter"].(string)
	from, _ := strconv.Atoi(before)
	to := min(from+v["pullsFirst"].(int), g.pulls)
	var nodes []string
	for number := from; number < to; number++ {
		nodes = append(nodes, fmt.Sprintf(`{"number": %d, "updatedAt": "2025-06-01T00:00:00Z", "mergedAt": "2025-06-01T00:00:00Z"}`, number+1))
	}
	return json.Unmarshal(fmt.Appendf(nil, `{"rateLimit": {"cost": 2, "remaining": 4999}, "repository": {"databaseId": 7, "nameWithOwner": "acme/web", "url": "https://github.com/acme/web",
		"deployments": {"pageInfo": {}, "nodes": []},
		"pullRequests": {"pageInfo": {"hasNextPage": %t, "endCursor": "%d"}, "nodes": [%s]}}}`, to < g.pulls, to, strings.Join(nodes, ",")), data)
}

// The planned calls of a repository are those that reading its pages takes: a page has 73 pull requests, or 82 with their labels.
func TestPlannedCalls(t *testing.T) {
	for _, test := range []struct {
		pulls  int
		labels bool
		want   int
	}{
		{300, false, 5}, // 4 × 73 = 292
		{300, true, 4},  // 4 × 82 = 328
		{292, false, 4},
		{0, false, 1},
	} {
		b, _ := newTestBackfill(&scriptedGitHub{})
		g := &pullsGitHub{pulls: test.pulls}
		b.GitHub, b.Labels, b.Repositories = g, test.labels, []string{"acme/web"}
		b.prepare()
		all, err := b.listTargets(t.Context())
		if err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		if err := b.readPages(t.Context(), &part{Owner: "acme", Name: "web", span: b.spanOf()}); err != nil {
			t.Fatal(err)
		}
		if all[0].Calls != test.want || g.pages != test.want {
			t.Errorf("%d pull requests, labels %t: %d calls planned, %d made, want %d", test.pulls, test.labels, all[0].Calls, g.pages, test.want)
		}
	}
}
