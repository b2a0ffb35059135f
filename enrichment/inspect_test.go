package enrichment

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// described servers answer paths with JSON, or a status.
type inspectedServer map[string]any

// answers of an organisation whose token and webhook are as they should be.
func goodServer() inspectedServer {
	return inspectedServer{
		"/rate_limit":                             `{"resources":{"core":{"limit":5000,"remaining":4990,"reset":1767272400},"graphql":{"limit":5000,"remaining":4000}}}`,
		"/users/acme":                             `{"login":"acme","type":"Organization"}`,
		"/repos/acme/web":                         `{}`,
		"/repos/acme/web/commits":                 `[{"sha":"1"}]`,
		"/repos/acme/web/pulls":                   `[]`,
		"/repos/acme/web/deployments":             `[]`,
		"/orgs/acme/hooks":                        hookText(true, `"deployment","deployment_status"`, "********"),
		"/orgs/acme/hooks/7/deliveries":           deliveriesText(`"11:59:00Z",202,"a"`, `"11:30:00Z",202,"b"`),
		"/app":                                    `{"slug":"dora","events":["deployment","deployment_status"]}`,
		"/app/hook/config":                        `{"url":"https://dora.example.com/api/github","secret":"********"}`,
		"/app/hook/deliveries":                    `[]`,
		"/app/installations":                      installationText("null", `"metadata":"read","contents":"read","pull_requests":"read","deployments":"read"`),
		"POST /app/installations/5/access_tokens": `{"token":"ghs_canary","expires_at":"2126-01-01T00:00:00Z"}`,
	}
}

func hookText(active bool, events, secret string) string {
	return fmt.Sprintf(`[{"id":3,"active":true,"events":["push"],"config":{"url":"https://ci.example.com/"}},
		{"id":7,"active":%t,"events":[%s],"config":{"url":"https://dora.example.com/api/github","secret":%q}}]`, active, events, secret)
}

// deliveriesText lists deliveries of New Year's Day, each a time, a status and a GUID.
func deliveriesText(all ...string) string {
	for i, d := range all {
		parts := strings.SplitN(d, ",", 3)
		all[i] = fmt.Sprintf(`{"delivered_at":"2026-01-01T%s,"status_code":%s,"guid":%s}`, parts[0][1:], parts[1], parts[2])
	}
	return "[" + strings.Join(all, ",") + "]"
}

func installationText(suspended, permissions string) string {
	return fmt.Sprintf(`[{"id":5,"account":{"login":"Acme"},"suspended_at":%s,"permissions":{%s}},{"id":6,"account":{"login":"other"}}]`, suspended, permissions)
}

func (s inspectedServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", "Thu, 01 Jan 2026 12:00:00 GMT")
	w.Header().Set("GitHub-Authentication-Token-Expiration", "2026-06-01 00:00:00 UTC")
	answer := s[strings.TrimPrefix(r.Method+" "+r.URL.Path, "GET ")]
	switch a := answer.(type) {
	case http.HandlerFunc:
		a(w, r)
	case string:
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusCreated)
		}
		_, _ = fmt.Fprint(w, a)
	case int:
		serveJSON(w, a, object{"message": "Sorry"})
	default:
		serveJSON(w, http.StatusNotFound, object{"message": "Not Found"})
	}
}

const (
	goodToken  = "ok: GitHub accepts the credential, which expires on 2026-06-01\n"
	goodLimits = "ok: 4990 of 5000 calls left until 13:00:00 UTC, 4000 of 5000 points of GraphQL\n"
	goodClock  = "ok: the clock of this machine agrees with the server's\n"
	goodAccess = "ok: may read contents, pull requests, deployments of acme/web\n"
	goodHook   = "ok: the webhook of the organisation acme sends deployments; the last delivery, of 2026-01-01T11:59:00Z, was answered with 202\n"
	goodApp    = goodClock + "ok: GitHub accepts the private key of the App dora\nok: the webhook of the App sends deployments, and has delivered nothing in the last days\n"
)

func TestInspect(t *testing.T) {
	key, _ := appKeys()
	app := Account{Account: dora.Account{BaseURL: gitHubURL, Owners: []string{"acme"}}, App: &App{ID: 12, PrivateKey: key}}
	token := tokenAccount(gitHubURL, "canary", "acme")
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = fmt.Fprint(w, "<html>")
	})
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		account      Account
		repositories []string
		changed      inspectedServer
		now          time.Time
		repairs      bool
		want         string
	}{
		"all right": {account: token, repositories: []string{"acme/web"}, want: goodToken + goodLimits + goodClock + goodAccess + goodHook},
		"the token is refused": {
			account: token, changed: inspectedServer{"/rate_limit": 401},
			want: "failed: GET https://api.github.com/rate_limit: 401 Unauthorized: Sorry: GitHub refuses the token: renew github.accounts[0].token\n" + goodClock,
		},
		"not the API": {
			account: token, changed: inspectedServer{"/rate_limit": page},
			want: "failed: GET https://api.github.com/rate_limit: 404 Not Found: this is not the API of GitHub: correct github.accounts[0].base_url, which ends in /api/v3/ for an Enterprise Server\n" + goodClock,
		},
		"an Enterprise Server without rate limits": {
			account: token, repositories: []string{"acme/web"}, changed: inspectedServer{"/rate_limit": 404},
			want: goodToken + "ok: no rate limit\n" + goodClock + goodAccess + goodHook,
		},
		"the token expires soon": {
			account: token, repositories: []string{"acme/web"}, now: time.Date(2026, 5, 31, 0, 0, 0, 0, time.UTC),
			want: "warning: GitHub accepts the credential, which expires on 2026-06-01: renew github.accounts[0].token before\n" + goodLimits +
				"failed: the clock of this machine is 3588h0m0s ahead of the server's: synchronise the clock, for example with NTP\n" + goodAccess + goodHook,
		},
		"the clock is behind": {
			account: token, repositories: []string{"acme/web"}, now: noon.Add(-2 * time.Minute),
			want: goodToken + goodLimits + "failed: the clock of this machine is 2m0s behind the server's: synchronise the clock, for example with NTP\n" + goodAccess + goodHook,
		},
		"few calls are left": {
			account: token, repositories: []string{"acme/web"}, changed: inspectedServer{"/rate_limit": `{"resources":{"core":{"limit":60,"remaining":5,"reset":1767272400}}}`},
			want: goodToken + "warning: 5 of 60 calls left until 13:00:00 UTC: look whether something else uses the credential\n" + goodClock + goodAccess + goodHook,
		},
		"no such owner": {
			account: token, changed: inspectedServer{"/users/acme": 404},
			want: goodToken + goodLimits + goodClock + "failed: there is no owner acme: correct the name in the configuration\n",
		},
		"no owner is known": {
			account: tokenAccount(gitHubURL, "canary"),
			want:    goodToken + goodLimits + goodClock + "warning: no owner is known, permissions and webhooks were not checked: list repositories under teams, or github.accounts[0].owners\n",
		},
		"a repository that the token does not see": {
			account: token, repositories: []string{"acme/secret"},
			want: goodToken + goodLimits + goodClock + "failed: can't see acme/secret: GET https://api.github.com/repos/acme/secret: 404 Not Found: Not Found: give the credential read access to the repository, or correct its name under teams\n" + goodHook,
		},
		"an empty repository": {
			account: token, repositories: []string{"acme/web"}, changed: inspectedServer{"/repos/acme/web/commits": 409},
			want: goodToken + goodLimits + goodClock + goodAccess + goodHook,
		},
		"permissions are missing": {
			account: token, repositories: []string{"acme/web"}, changed: inspectedServer{"/repos/acme/web/pulls": 403, "/repos/acme/web/deployments": 404},
			want: goodToken + goodLimits + goodClock +
				"failed: may not read pull requests of acme/web, which durations, changes and lead times need: give the credential read access to pull requests\n" +
				"warning: may not read deployments of acme/web, which reading the history and what webhooks missed need: give the credential read access to deployments\n" +
				"ok: may read contents of acme/web\n" + goodHook,
		},
		"the hook is off": {
			account: token, repositories: []string{"acme/web"}, changed: inspectedServer{"/orgs/acme/hooks": hookText(false, `"*"`, "x")},
			want: goodToken + goodLimits + goodClock + goodAccess + "failed: the webhook of the organisation acme is not active: activate it\n",
		},
		"the hook lacks an event": {
			account: token, repositories: []string{"acme/web"}, changed: inspectedServer{"/orgs/acme/hooks": hookText(true, `"deployment"`, "x")},
			want: goodToken + goodLimits + goodClock + goodAccess + "failed: the webhook of the organisation acme does not send deployment_status: select the events Deployments and Deployment statuses\n",
		},
		"the hook has all events": {
			account: token, repositories: []string{"acme/web"}, changed: inspectedServer{"/orgs/acme/hooks": hookText(true, `"*"`, "x")},
			want: goodToken + goodLimits + goodClock + goodAccess + goodHook,
		},
		"the hook has no secret": {
			account: token, repositories: []string{"acme/web"}, changed: inspectedServer{"/orgs/acme/hooks": hookText(true, `"*"`, "")},
			want: goodToken + goodLimits + goodClock + goodAccess + "failed: the webhook of the organisation acme has no secret, its deliveries are refused: set its secret to that of github.accounts[0].webhook_secret\n",
		},
		"deliveries fail": {
			account: token, repositories: []string{"acme/web"},
			changed: inspectedServer{"/orgs/acme/hooks/7/deliveries": `[{"delivered_at":"2026-01-01T11:59:00Z","status_code":401},{"status_code":202},{"status_code":0}]`},
			want: goodToken + goodLimits + goodClock + goodAccess + "failed: 2 of the last 3 deliveries of the webhook of the organisation acme failed, the newest, of 2026-01-01T11:59:00Z, " +
				"with status 401: set the secret of the webhook to that of github.accounts[0].webhook_secret, and redeliver\n",
		},
		"hooks can't be read": {
			account: token, repositories: []string{"acme/web"}, changed: inspectedServer{"/orgs/acme/hooks": 403, "/repos/acme/web/hooks": 404},
			want: goodToken + goodLimits + goodClock + goodAccess + "warning: can't read the webhooks of acme/web: GET https://api.github.com/repos/acme/web/hooks?per_page=100: 404 Not Found: Sorry: " +
				"give the credential read access to webhooks (admin:org_hook or admin:repo_hook of a classic token) to have them checked\n",
		},
		"hooks can't be read, and are to be repaired": {
			account: token, repositories: []string{"acme/web"}, changed: inspectedServer{"/orgs/acme/hooks": 403, "/repos/acme/web/hooks": 404}, repairs: true,
			want: goodToken + goodLimits + goodClock + goodAccess + "warning: can't read the webhooks of acme/web: GET https://api.github.com/repos/acme/web/hooks?per_page=100: 404 Not Found: Sorry" +
				"; github.repair compares deployments every hour instead of fetching failed deliveries: " +
				"give the credential read access to webhooks (admin:org_hook or admin:repo_hook of a classic token) to have them checked\n",
		},
		"the repository has the hook": {
			account: token, repositories: []string{"acme/web"},
			changed: inspectedServer{"/orgs/acme/hooks": 404, "/repos/acme/web/hooks": hookText(true, `"*"`, "x"), "/repos/acme/web/hooks/7/deliveries": `[]`},
			want:    goodToken + goodLimits + goodClock + goodAccess + "ok: the webhook of acme/web sends deployments, and has delivered nothing in the last days\n",
		},
		"no hook": {
			account: token, repositories: []string{"acme/web"}, changed: inspectedServer{"/orgs/acme/hooks": `[]`, "/repos/acme/web/hooks": `[]`},
			want: goodToken + goodLimits + goodClock + goodAccess + "failed: no webhook sends the deployments of acme here: add one to the organisation or its repositories: a URL that ends in /api/github, " +
				"the content type application/json, the secret of github.accounts[0].webhook_secret, and the events Deployments and Deployment statuses\n",
		},
		"an App": {account: app, repositories: []string{"acme/web"}, want: goodApp + goodLimits + goodAccess},
		"an App's key is refused": {
			account: app, changed: inspectedServer{"/app": 401},
			want: goodClock + "failed: GET https://api.github.com/app: 401 Unauthorized: Sorry: GitHub refuses the key of the App 12: make a new private key in the App's settings, " +
				"set github.accounts[0].app.private_key_file to it, and check the App ID and the clock of this machine\n",
		},
		"no such App": {
			account: app, changed: inspectedServer{"/app": 404},
			want: goodClock + "failed: GET https://api.github.com/app: 404 Not Found: Sorry: the server has no App 12: correct github.accounts[0].app.id and github.accounts[0].base_url\n",
		},
		"an App that is not installed": {
			account: app, changed: inspectedServer{"/app/installations": `[]`},
			want: goodApp + "failed: the App is not installed for acme: install it there, or remove the owner from github.accounts[0].owners\n",
		},
		"a suspended installation": {
			account: app, changed: inspectedServer{"/app/installations": installationText(`"2026-01-01T00:00:00Z"`, "")},
			want: goodApp + "failed: the installation is suspended: unsuspend it in the settings of Acme\n",
		},
		"an installation without a permission": {
			account: app, changed: inspectedServer{"/app/installations": installationText("null", `"metadata":"read","contents":"read"`)},
			want: goodApp + "failed: the installation lacks the permission pull_requests, which durations, changes and lead times need: grant read access in the App's settings, and let Acme accept it\n" +
				"warning: the installation lacks the permission deployments, which webhooks of deployments, reading the history and what webhooks missed need: grant read access in the App's settings, and let Acme accept it\n" + goodLimits,
		},
		"an App without a webhook": {
			account: app, changed: inspectedServer{"/app/hook/config": 404, "/orgs/Acme/hooks": hookText(false, `"*"`, "x")},
			want: goodClock + "ok: GitHub accepts the private key of the App dora\n" + goodLimits + "ok: the installation has all permissions\n" +
				"failed: the webhook of the organisation Acme is not active: activate it\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			now := test.now
			if now.IsZero() {
				now = noon.Add(3 * time.Second)
			}
			got := inspected(t, InspectOptions{
				Account: test.account, Signed: true, Repairs: test.repairs, Repositories: test.repositories, Now: func() time.Time { return now },
			}, test.changed)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// inspected returns the findings of an inspection of a good server with some changed answers, a line each.
func inspected(t *testing.T, o InspectOptions, changed inspectedServer) string {
	t.Helper()
	server := goodServer()
	maps.Copy(server, changed)
	o.Account.Key = "github.accounts[0]"
	o.Transport = func(http.RoundTripper) http.RoundTripper { return inProcess{server} }
	var got strings.Builder
	for _, f := range Inspect(t.Context(), o) {
		fmt.Fprintf(&got, "%s: %s", f.Status, f.Text)
		if f.Remedy != "" {
			fmt.Fprintf(&got, ": %s", f.Remedy)
		}
		got.WriteByte('\n')
	}
	if strings.Contains(got.String(), "canary") {
		t.Error("a token is in the findings")
	}
	return got.String()
}

// An answer that is null says nothing, such as that a webhook is there.
func TestNullAnswer(t *testing.T) {
	lease := newSharedMemory(nil).answers.Lease()
	defer lease.Release()
	for _, v := range []answer{&described[[]hook]{}, &describedRepository{}, &describedLimits{}} {
		if err := decode(t.Context(), lease, []byte(" null\n"), v); err == nil {
			t.Errorf("%T has no error", v)
		}
	}
}
