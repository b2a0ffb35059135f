package enrichment

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	goodWebHook = "ok: the webhook of acme/web sends deployments, and has delivered nothing in the last days\n"
	hookFields  = "a URL that ends in /api/github, the content type application/json, the secret of github.accounts[0].webhook_secret, and the events Deployments and Deployment statuses\n"
)

func TestInspectHooks(t *testing.T) {
	for name, test := range map[string]struct {
		repositories []string // acme/web if there are none
		changed      inspectedServer
		want         string
	}{
		"an organisation's hook stands for its repositories": {
			repositories: []string{"acme/web", "acme/api"}, changed: inspectedServer{"/repos/acme/api/hooks": `[]`},
			want: goodHook,
		},
		"the hook of the second repository is off": {
			repositories: []string{"acme/web", "acme/api"},
			changed: inspectedServer{
				"/orgs/acme/hooks": `[]`, "/repos/acme/web/hooks": hookText(true, `"*"`, "x"), "/repos/acme/web/hooks/7/deliveries": `[]`, "/repos/acme/api/hooks": hookText(false, `"*"`, "x"),
			},
			want: goodWebHook + "failed: the webhook of acme/api is not active: activate it\n",
		},
		"the second repository has no hook": {
			repositories: []string{"acme/web", "acme/api"},
			changed: inspectedServer{
				"/orgs/acme/hooks": `[]`, "/repos/acme/web/hooks": hookText(true, `"*"`, "x"), "/repos/acme/web/hooks/7/deliveries": `[]`, "/repos/acme/api/hooks": `[]`,
			},
			want: goodWebHook + "failed: no webhook sends the deployments of acme/api here: add one to each, or one to the organisation: " + hookFields,
		},
		"the hooks of the second repository can't be read": {
			repositories: []string{"acme/web", "acme/api"},
			changed:      inspectedServer{"/orgs/acme/hooks": `[]`, "/repos/acme/web/hooks": hookText(true, `"*"`, "x"), "/repos/acme/web/hooks/7/deliveries": `[]`, "/repos/acme/api/hooks": 403},
			want: goodWebHook + "warning: can't read the webhooks of acme/api: GET https://api.github.com/repos/acme/api/hooks?per_page=100: 403 Forbidden: Sorry: " +
				"give the credential read access to webhooks (admin:org_hook or admin:repo_hook of a classic token) to have them checked\n",
		},
		"the hooks of the organisation can't be read": {
			repositories: []string{"acme/web", "acme/api"},
			changed:      inspectedServer{"/orgs/acme/hooks": 403, "/repos/acme/web/hooks": hookText(true, `"*"`, "x"), "/repos/acme/web/hooks/7/deliveries": `[]`, "/repos/acme/api/hooks": `[]`},
			want: goodWebHook + "warning: can't read the webhooks of the organisation acme: GET https://api.github.com/orgs/acme/hooks?per_page=100: 403 Forbidden: Sorry: " +
				"give the credential read access to webhooks (admin:org_hook or admin:repo_hook of a classic token) to have them checked\n",
		},
		"the hooks of the first repository can't be read, the second has none": {
			repositories: []string{"acme/web", "acme/api", "acme/app"},
			changed: inspectedServer{
				"/orgs/acme/hooks": `[]`, "/repos/acme/web/hooks": 403, "/repos/acme/api/hooks": `[]`,
				"/repos/acme/app/hooks": hookText(true, `"*"`, "x"), "/repos/acme/app/hooks/7/deliveries": `[]`,
			},
			want: strings.ReplaceAll(goodWebHook, "acme/web", "acme/app") +
				"warning: can't read the webhooks of acme/web: GET https://api.github.com/repos/acme/web/hooks?per_page=100: 403 Forbidden: Sorry: " +
				"give the credential read access to webhooks (admin:org_hook or admin:repo_hook of a classic token) to have them checked\n" +
				"failed: no webhook sends the deployments of acme/api here: add one to each, or one to the organisation: " + hookFields,
		},
		"the second last delivery failed": {
			changed: inspectedServer{"/orgs/acme/hooks/7/deliveries": deliveriesText(`"11:59:00Z",202,"c"`, `"11:30:00Z",502,"b"`, `"11:00:00Z",401,"a"`)},
			want: "warning: 2 of the last 3 deliveries of the webhook of the organisation acme failed, the newest of these, of 2026-01-01T11:30:00Z, " +
				"with status 502: see the log of the exporter, or of the proxy before it, and redeliver\n",
		},
		"a delivery that failed and was delivered later": {
			changed: inspectedServer{"/orgs/acme/hooks/7/deliveries": deliveriesText(`"11:59:00Z",202,"a"`, `"11:30:00Z",202,"b"`, `"11:00:00Z",502,"a"`)},
			want:    goodHook,
		},
		"a redelivery that failed of what was delivered": {
			changed: inspectedServer{"/orgs/acme/hooks/7/deliveries": deliveriesText(`"12:00:00Z",502,"a"`, `"11:59:00Z",202,"a"`)},
			want:    goodHook,
		},
		"a ping that was answered, after a delivery that failed": {
			changed: inspectedServer{"/orgs/acme/hooks/7/deliveries": deliveriesText(`"11:59:00Z",202,"b","event":"ping"`, `"11:00:00Z",401,"a"`)},
			want: "failed: 1 of the last 1 deliveries of the webhook of the organisation acme failed, the newest, of 2026-01-01T11:00:00Z, " +
				"with status 401: set the secret of the webhook to that of github.accounts[0].webhook_secret, and redeliver\n",
		},
		"only a ping": {
			changed: inspectedServer{"/orgs/acme/hooks/7/deliveries": deliveriesText(`"11:59:00Z",202,"b","event":"ping"`)},
			want:    "ok: the webhook of the organisation acme sends deployments, and has delivered nothing but a ping in the last days\n",
		},
		"only a ping that failed": {
			changed: inspectedServer{"/orgs/acme/hooks/7/deliveries": deliveriesText(`"11:59:00Z",404,"b","event":"ping"`)},
			want: "failed: the ping of the webhook of the organisation acme, of 2026-01-01T11:59:00Z, failed with status 404: " +
				"correct the URL of the webhook: it ends in /api/github\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			repositories := test.repositories
			if repositories == nil {
				repositories = []string{"acme/web"}
			}
			if diff := cmp.Diff(goodToken+goodLimits+goodClock+goodAccess+test.want, inspectedHooks(t, repositories, test.changed)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func inspectedHooks(t *testing.T, repositories []string, changed inspectedServer) string {
	t.Helper()
	now := time.Date(2026, 1, 1, 12, 0, 3, 0, time.UTC)
	return inspected(t, InspectOptions{
		Account: tokenAccount(gitHubURL, "canary", "acme"), Signed: true, Repositories: repositories, Now: func() time.Time { return now },
	}, changed)
}

// Of many repositories, only some are asked for their webhooks, and the check says how many are not.
func TestInspectHooksOfManyRepositories(t *testing.T) {
	changed := inspectedServer{"/orgs/acme/hooks": `[]`}
	repositories := []string{"acme/web"}
	want := goodToken + goodLimits + goodClock + goodAccess + goodWebHook
	for n := range 21 {
		repositories = append(repositories, fmt.Sprintf("acme/x%02d", n))
	}
	for n, repository := range repositories {
		changed["/repos/"+repository+"/hooks"], changed["/repos/"+repository+"/hooks/7/deliveries"] = hookText(true, `"*"`, "x"), `[]`
		if n > 0 && n < 20 {
			want += strings.ReplaceAll(goodWebHook, "acme/web", repository)
		}
	}
	want += "warning: the webhooks of 2 of the 22 repositories of acme were not checked: look at them yourself, or add one webhook to the organisation\n"
	if diff := cmp.Diff(want, inspectedHooks(t, repositories, changed)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
