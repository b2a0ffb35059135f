package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// comparedGitHub has deployments of acme/web, the newest first, by how long ago they were created and how long ago their status is. The ID of
// both is the index and one.
type comparedGitHub struct {
	*fakeHooks

	deployments [][2]time.Duration
	asked       []int64
}

func (g *comparedGitHub) Query(_ context.Context, _, _ string, _ map[string]any, data any) error {
	stamp := func(ago time.Duration) string { return g.now.Add(-ago).Format(time.RFC3339) }
	var nodes []json.RawMessage
	for i, d := range g.deployments {
		nodes = append(nodes, fmt.Appendf(nil, `{"id": "d%d", "databaseId": %[1]d, "environment": "production", "commitOid": "c0ffee", "createdAt": %q,
			"ref": {"name": "main", "prefix": "refs/heads/"}, "statuses": {"totalCount": 1, "nodes": [{"state": "SUCCESS", "createdAt": %q}]}}`, i+1, stamp(d[0]), stamp(d[1])))
	}
	return json.Unmarshal(encode(map[string]any{alias(0): map[string]any{
		"databaseId": 7, "nameWithOwner": "acme/web", "url": "https://github.com/acme/web", "deployments": map[string]any{"pageInfo": map[string]any{}, "nodes": nodes},
	}}), data)
}

func (g *comparedGitHub) DeploymentStatuses(_ context.Context, _, _ string, id int64, _ int) ([]json.RawMessage, int, error) {
	g.asked = append(g.asked, id)
	return []json.RawMessage{fmt.Appendf(nil, `{"id": %d, "state": "success", "created_at": %q}`, id, g.now.Add(-g.deployments[id-1][1]).Format(time.RFC3339))}, 0, nil
}

// Of the deployments that were read, each is compared that has a status since the last check, however long ago it was created.
func TestCompareDeployments(t *testing.T) {
	const hour = time.Hour
	for name, test := range map[string]struct {
		deployments [][2]time.Duration
		stored      []int64
	}{
		"since the last check":          {[][2]time.Duration{{hour, hour}}, []int64{1}},
		"before the last check":         {[][2]time.Duration{{3 * hour, 3 * hour}}, nil},
		"created before":                {[][2]time.Duration{{5 * hour, hour}}, []int64{1}},
		"approved after days":           {[][2]time.Duration{{5 * dora.Day, hour}}, []int64{1}},
		"approved after days, and more": {[][2]time.Duration{{hour, hour}, {3 * dora.Day, 3 * dora.Day}, {5 * dora.Day, hour}}, []int64{3, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newRepairing(t, &fakeHooks{denied: true})
			g := &comparedGitHub{fakeHooks: f.hooks, deployments: test.deployments}
			f.Accounts[0].GitHub = g
			c := newAccountCheck(f.Repair, 0)
			must(t, c.save(t.Context(), repairPrefix+c.Name+"/owner/acme", ownerState{Checked: f.hooks.now.Add(-2 * hour)}))
			must(t, c.run(t.Context()))
			if diff := cmp.Diff(test.stored, f.stored(t)); diff != "" {
				t.Errorf("stored: -want +got:\n%s", diff)
			}
			if diff := cmp.Diff(test.stored, g.asked); diff != "" {
				t.Errorf("read by REST: -want +got:\n%s", diff)
			}
		})
	}
}

// pagedGitHub has a deployment of an hour ago on each of two pages, and can't answer the first query for the second one.
type pagedGitHub struct {
	*comparedGitHub

	pages []string
}

func (g *pagedGitHub) Query(_ context.Context, _, query string, v map[string]any, data any) error {
	of, id, more := alias(0), 1, true
	if strings.Contains(query, "$pullsFirst") {
		of, id, more = "repository", 2, false
		if g.pages = append(g.pages, fmt.Sprintf("%v %v pulls %v", v["deploymentsFirst"], v["deploymentsAfter"], v["pulls"])); len(g.pages) == 1 {
			return dora.ErrTooLarge
		}
	}
	at := g.now.Add(-time.Hour).Format(time.RFC3339)
	return json.Unmarshal(fmt.Appendf(nil, `{%q: {"databaseId": 7, "nameWithOwner": "acme/web", "url": "https://github.com/acme/web", "deployments": {
		"pageInfo": {"hasNextPage": %t, "endCursor": "next"}, "nodes": [{"id": "d%d", "databaseId": %[3]d, "environment": "production", "commitOid": "c0ffee",
		"createdAt": %[4]q, "ref": {"name": "main", "prefix": "refs/heads/"}, "statuses": {"totalCount": 1, "nodes": [{"state": "SUCCESS", "createdAt": %[4]q}]}}]}}}`,
		of, more, id, at), data)
}

// Further pages are read as long as their deployments may have statuses since the last check, with less at once if GitHub could not answer.
func TestComparePages(t *testing.T) {
	f := newRepairing(t, &fakeHooks{denied: true})
	g := &pagedGitHub{comparedGitHub: &comparedGitHub{fakeHooks: f.hooks, deployments: [][2]time.Duration{{time.Hour, time.Hour}, {time.Hour, time.Hour}}}}
	f.Accounts[0].GitHub = g
	must(t, newAccountCheck(f.Repair, 0).run(t.Context()))
	if diff := cmp.Diff([]int64{2, 1}, f.stored(t)); diff != "" {
		t.Errorf("stored: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"100 next pulls false", "50 next pulls false"}, g.pages); diff != "" {
		t.Errorf("further pages: -want +got:\n%s", diff)
	}
}

// A deployment that can't be read keeps neither a comparison nor a backfill from the others.
func TestUnreadableDeployment(t *testing.T) {
	f := newRepairing(t, &fakeHooks{denied: true})
	f.Accounts[0].GitHub = &comparedGitHub{fakeHooks: f.hooks, deployments: [][2]time.Duration{{time.Hour, time.Hour}, {2 * time.Hour, 2 * time.Hour}}}
	decode := f.DecodeDeployment
	f.DecodeDeployment = func(payload []byte) (dora.Event, error) {
		event, err := decode(payload)
		if event.Deployment != nil && event.Deployment.ID == 2 {
			err = errors.New("unreadable")
		}
		return event, err
	}
	c := newAccountCheck(f.Repair, 0)
	must(t, c.run(t.Context()))
	if diff := cmp.Diff([]int64{1}, f.stored(t)); diff != "" {
		t.Errorf("stored: -want +got:\n%s", diff)
	}
	at := f.hooks.now.Add(-dora.Day)
	var all []dora.ArchivedDeployment
	for id := range int64(3) {
		all = append(all, dora.ArchivedDeployment{
			ID: id + 2, Document: []byte(`{"sha": "c0ffee", "environment": "production"}`), Statuses: []dora.ArchivedStatus{{ID: id + 10, State: "success", At: at}},
		})
	}
	must(t, c.bulk.deliver(t.Context(), &part{Host: "api.github.com", Owner: "acme", Name: "web"}, all))
	if diff := cmp.Diff([]string{"acme/web#2"}, c.bulk.progress.Failed); diff != "" || c.bulk.progress.Deliveries != 2 {
		t.Errorf("%d are stored; failed: -want +got:\n%s", c.bulk.progress.Deliveries, diff)
	}
}
