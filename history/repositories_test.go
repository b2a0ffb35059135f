package history

import (
	"context"
	"encoding/json"
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
		"c1": {"nameWithOwner": "acme/web", "pullRequests": {"totalCount": 250}, "deployments": {"totalCount": 120, "nodes": [{"createdAt": "2025-06-01T00:00:00Z"}]}},
		"c2": {"nameWithOwner": "acme/old", "deployments": {"totalCount": 1, "nodes": [{"createdAt": "2024-06-01T00:00:00Z"}]}}}`}
	b.Repositories = []string{"acme/gone", "acme/web", "acme/old"}
	b.prepare()
	all, err := b.listTargets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 || all[0] != (target{"acme/web", 3, 120, 250}) {
		t.Errorf("targets are %v", all)
	}
	if diff := cmp.Diff(Spent{Calls: 1, Points: 1}, b.spent); diff != "" {
		t.Errorf("spent: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"acme/gone"}, b.progress.Failed); diff != "" {
		t.Errorf("failed: -want +got:\n%s", diff)
	}
}
