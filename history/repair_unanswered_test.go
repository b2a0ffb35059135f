package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// brokenGitHub has a deployment of acme/web and one of acme/api since an hour, and fails to answer for acme/web, although it answers for others.
type brokenGitHub struct {
	*fakeHooks

	// queryErr is the error of a query about acme/web, and callErr that of a call.
	queryErr, callErr error
	created           time.Time
}

func (g *brokenGitHub) Query(_ context.Context, _, _ string, v map[string]any, data any) error {
	answer := map[string]any{}
	for i := 0; v[fmt.Sprint("n", i)] != nil; i++ {
		name := fmt.Sprint(v[fmt.Sprint("n", i)])
		if name == "web" && g.queryErr != nil {
			return g.queryErr
		}
		id := strings.Index("-web-api", name)
		answer[alias(i)] = json.RawMessage(fmt.Sprintf(`{"databaseId": %d, "nameWithOwner": "acme/%s", "url": "https://github.com/acme/%[2]s", "deployments": {"pageInfo": {}, "nodes": [
			{"id": "d%[1]d", "databaseId": %[1]d, "environment": "production", "commitOid": "c0ffee", "createdAt": %[3]q, "ref": {"name": "main", "prefix": "refs/heads/"},
			"statuses": {"totalCount": 1, "nodes": [{"state": "SUCCESS", "createdAt": %[3]q}]}}]}}`, id, name, g.created.Format(time.RFC3339)))
	}
	return json.Unmarshal(encode(answer), data)
}

func (g *brokenGitHub) DeploymentStatuses(_ context.Context, _, name string, id int64, _ int) ([]json.RawMessage, int, error) {
	if name == "web" && g.callErr != nil {
		return nil, 0, g.callErr
	}
	return []json.RawMessage{fmt.Appendf(nil, `{"id": %d, "state": "success", "created_at": %q}`, id, g.created.Format(time.RFC3339))}, 0, nil
}

// A repository for which GitHub does not answer is compared later, back to when it should have been, and does not keep others from being compared.
func TestCompareUnansweredRepository(t *testing.T) {
	const web, api = 1, 5
	for name, broken := range map[string]brokenGitHub{
		"a query":                 {queryErr: errors.New("500 Internal Server Error")},
		"a query, with a timeout": {queryErr: dora.ErrTooLarge},
		"a call":                  {callErr: &dora.UnansweredError{Err: errors.New("500 Internal Server Error"), Call: "/statuses"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newRepairing(t, &fakeHooks{denied: true})
			g := &broken
			g.fakeHooks, g.created = f.hooks, f.hooks.now.Add(-time.Hour)
			f.Accounts[0].GitHub, f.Accounts[0].Repositories = g, []string{"acme/api", "acme/web"}
			c := newAccountCheck(f.Repair, 0)
			must(t, c.save(t.Context(), repairPrefix+c.Name+"/owner/acme", ownerState{Checked: f.hooks.now.Add(-2 * time.Hour)}))
			for range 3 {
				must(t, c.run(t.Context()))
				if diff := cmp.Diff([]int64{api}, f.stored(t)); diff != "" {
					t.Errorf("stored in the outage: -want +got:\n%s", diff)
				}
				f.hooks.now = f.hooks.now.Add(compareInterval)
			}
			g.queryErr, g.callErr = nil, nil
			must(t, c.run(t.Context()))
			if diff := cmp.Diff([]int64{api, web}, f.stored(t)); diff != "" {
				t.Errorf("stored afterwards: -want +got:\n%s", diff)
			}
		})
	}
}

// downGitHub answers no query: one about several repositories is too large, and then there is an outage.
type downGitHub struct {
	*fakeHooks

	asked []string
}

func (g *downGitHub) Query(_ context.Context, _, _ string, v map[string]any, _ any) error {
	if v["n1"] != nil {
		return dora.ErrTooLarge
	}
	if name, ok := v["n0"].(string); ok { // else it asks whether others are answered
		g.asked = append(g.asked, name)
	}
	return errors.New("502 Bad Gateway")
}

// In an outage a comparison ends with the repository at which it began, also if several were to be read at once.
func TestCompareEndsInOutage(t *testing.T) {
	f := newRepairing(t, &fakeHooks{denied: true})
	g := &downGitHub{fakeHooks: f.hooks}
	f.Accounts[0].GitHub, f.Accounts[0].Repositories = g, []string{"acme/api", "acme/web"}
	if err := newAccountCheck(f.Repair, 0).run(t.Context()); err == nil {
		t.Error("the check does not fail")
	}
	if diff := cmp.Diff([]string{"api"}, slices.Compact(g.asked)); diff != "" {
		t.Errorf("read alone: -want +got:\n%s", diff)
	}
}
