package receivers

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

func gitHubEvent(event string) http.Header {
	return http.Header{"X-Github-Event": {event}}
}

func TestDecodeGitHub(t *testing.T) {
	created := time.Date(2019, 5, 15, 15, 20, 53, 0, time.UTC)
	hello := dora.Deployment{
		Host: "api.github.com", ID: 145988746, Owner: "Codertocat", Repository: "Hello-World", RepositoryID: 186853002, DefaultBranch: "master",
		Environment: "production", SHA: "f95f852bd8fca8fcc58a9a2d6c842781e32a215e", Ref: "master",
		OriginalEnvironment: "production", Task: "deploy", Creator: "Codertocat", CreatedAt: created,
	}
	pages := hello
	pages.Environment, pages.OriginalEnvironment = "github-pages", "github-pages"
	pages.Creator, pages.Workflows = "github-pages[bot]", []string{"pages build and deployment"}
	pages.CreatedAt = time.Date(2022, 1, 3, 1, 28, 30, 0, time.UTC)
	for name, test := range map[string]struct {
		event, file string
		want        decoded
	}{
		"deployment": {"deployment", "deployment-api.github.com-1.json", decoded{
			name: "deployment", key: "github/api.github.com/deployment/145988746", event: dora.Event{Deployment: &hello},
		}},
		"status": {"deployment_status", "deployment_status-api.github.com-1.json", decoded{
			name: "deployment_status", key: "github/api.github.com/deployment_status/209916254",
			event: dora.Event{Status: &dora.Status{Deployment: hello, Environment: "production", ID: 209916254, State: "success", CreatedAt: created.Add(2 * time.Second)}},
		}},
		"status of a workflow": {"deployment_status", "deployment_status-api.github.com-2.json", decoded{
			name: "deployment_status", key: "github/api.github.com/deployment_status/209916254",
			event: dora.Event{Status: &dora.Status{
				Deployment: pages, Environment: "github-pages", ID: 209916254, State: "in_progress", CreatedAt: pages.CreatedAt.Add(10 * time.Second),
			}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := decodeGitHub(gitHubEvent(test.event), []byte(read(t, "testdata/github/"+test.file)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(decoded{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	// Another server has ids of its own.
	got, err := decodeGitHub(gitHubEvent("deployment"), []byte(read(t, "testdata/github/deployment-ghes-31-1.json")))
	if err != nil || got.key != "github/octocoders.github.io/deployment/2" {
		t.Errorf("key %s, %v", got.key, err)
	}
}

func TestDecodeGitHubDeploymentFlags(t *testing.T) {
	body := `{"deployment":{"id":7,"environment":"eu","original_environment":"europe","production_environment":true,
		"transient_environment":true,"url":"https://GHE.example.com:8443/api/v3/x"},"repository":{"name":"web","owner":{"login":"acme"}}}`
	got, err := decodeGitHub(gitHubEvent("deployment"), []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	want := &dora.Deployment{
		Host: "ghe.example.com:8443", ID: 7, Owner: "acme", Repository: "web", Environment: "eu", OriginalEnvironment: "europe",
		Production: true, Transient: true,
	}
	if diff := cmp.Diff(want, got.event.Deployment); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// GitHub's API may have the payload of a delivery in several forms.
func TestDecodeGitHubFromAPI(t *testing.T) {
	const payload = `{"deployment":{"id":7,"description":"?a=b&payload=c","environment":"eu","url":"https://api.github.com/x"},"repository":{"name":"web","owner":{"login":"acme"}}}`
	for name, sent := range map[string]string{
		"itself":                  payload,
		"its text":                strconv.Quote(payload),
		"a form":                  strconv.Quote(url.Values{"a": {"b"}, "payload": {payload}}.Encode()),
		"an object with its text": `{"payload":` + strconv.Quote(payload) + `}`,
	} {
		event, key, err := DecodeGitHub("deployment", []byte(sent))
		if err != nil || key != "github/api.github.com/deployment/7" || event.Deployment == nil || event.Deployment.Environment != "eu" {
			t.Errorf("%s: key %q, %+v, %v", name, key, event.Deployment, err)
		}
	}
}

// What says whether a deployment counts, and in which scope.
func TestDecodeGitHubScope(t *testing.T) {
	const body = `{"deployment_status":{"id":3,"state":"success","environment":"Production","created_at":"2026-01-15T12:00:00Z"},
		"deployment":{"id":2,"environment":"staging","original_environment":"qa","task":"deploy:web","description":"a test","creator":{"login":"argo[bot]"}},
		"workflow":{"name":"Deploy","path":".github/workflows/deploy.yml"},
		"workflow_run":{"name":"Deploy main","path":".github/workflows/deploy.yml@refs/heads/main"},
		"repository":{"id":77,"name":"web","url":"https://api.github.com/repos/acme/web","owner":{"login":"acme"}}}`
	got, err := decodeGitHub(gitHubEvent("deployment_status"), []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	want := dora.Event{Status: &dora.Status{
		ID: 3, State: "success", Environment: "Production", CreatedAt: time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC),
		Deployment: dora.Deployment{
			Host: "api.github.com", ID: 2, Owner: "acme", Repository: "web", RepositoryID: 77, Environment: "staging", OriginalEnvironment: "qa",
			Task: "deploy:web", Description: "a test", Creator: "argo[bot]",
			Workflows: []string{"Deploy", ".github/workflows/deploy.yml", "Deploy main"},
		},
	}}
	if diff := cmp.Diff(want, got.event); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	// All of it may be missing, null or out of range.
	for _, more := range []string{`"workflow":null,"workflow_run":null,"x":{`, `"x":{"id":1,`} {
		plain := `{` + more + `"creator":null},"deployment":{"id":2,"task":null,"description":null,"creator":null,"environment":"qa"},
			"repository":{"id":null,"name":"web"}}`
		got, err := decodeGitHub(gitHubEvent("deployment"), []byte(plain))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&dora.Deployment{ID: 2, Repository: "web", Environment: "qa"}, got.event.Deployment); diff != "" {
			t.Errorf("%s: -want +got:\n%s", more, diff)
		}
	}
}

// Each field is missing, null or of another type: what must be there is 400, the rest is taken.
func TestDecodeGitHubFieldByField(t *testing.T) {
	const whole = `{"action":"created","deployment_status":{"id":3,"state":"success","created_at":"2026-01-15T12:00:00Z"},
		"deployment":{"id":2,"sha":"c0ffee","ref":"main","environment":"production","created_at":"2026-01-15T11:00:00Z"},
		"repository":{"name":"web","full_name":"acme/web","url":"https://api.github.com/repos/acme/web","owner":{"login":"acme"},"default_branch":"main"}}`
	if _, err := decodeGitHub(gitHubEvent("deployment_status"), []byte(whole)); err != nil {
		t.Fatal(err)
	}
	required := map[string]bool{
		"deployment_status": true, "deployment_status.id": true, "deployment_status.state": true, "deployment_status.created_at": true,
		"deployment": true, "deployment.id": true, "repository": true,
	}
	for _, path := range []string{
		"action", "deployment_status", "deployment_status.id", "deployment_status.state", "deployment_status.created_at", "deployment",
		"deployment.id", "deployment.sha", "deployment.ref", "deployment.environment", "deployment.created_at", "repository",
		"repository.name", "repository.full_name", "repository.url", "repository.owner", "repository.owner.login", "repository.default_branch",
	} {
		for kind, value := range map[string]any{"missing": nil, "null": json.RawMessage("null"), "another type": []any{map[string]any{"a": 1e300}}} {
			var p map[string]any
			if err := json.Unmarshal([]byte(whole), &p); err != nil {
				t.Fatal(err)
			}
			at, keys := p, strings.Split(path, ".")
			for _, key := range keys[:len(keys)-1] {
				at = at[key].(map[string]any) //nolint:forcetypeassert // the test's own data
			}
			if at[keys[len(keys)-1]] = value; kind == "missing" {
				delete(at, keys[len(keys)-1])
			}
			body, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			_, err = decodeGitHub(gitHubEvent("deployment_status"), body)
			if want := required[path] || kind == "another type"; (err != nil) != want {
				t.Errorf("%s %s: error %v, want one: %v", path, kind, err, want)
			}
		}
	}
	for name, body := range map[string]string{
		"huge number":         strings.Replace(whole, `"id":3`, `"id":1e999`, 1),
		"negative id":         strings.Replace(whole, `"id":3`, `"id":-3`, 1),
		"year 10000 in UTC":   strings.Replace(whole, "2026-01-15T12:00:00Z", "9999-12-31T23:59:59-12:00", 1),
		"before year 1":       strings.Replace(whole, "2026-01-15T12:00:00Z", "0001-01-01T00:00:00+12:00", 1),
		"an array":            "[]",
		"null":                "null",
		"a text":              `"deployment"`,
		"state is empty":      strings.Replace(whole, `"success"`, `""`, 1),
		"no repository name":  strings.Replace(strings.Replace(whole, `"name":"web",`, "", 1), "acme/web", "", 1),
		"created_at no time ": strings.Replace(whole, "2026-01-15T12:00:00Z", "yesterday", 1),
	} {
		if got, err := decodeGitHub(gitHubEvent("deployment_status"), []byte(body)); err == nil {
			t.Errorf("%s: taken as %+v", name, got)
		}
	}
	// Year 1 is odd, and an event all the same.
	if _, err := decodeGitHub(gitHubEvent("deployment_status"), []byte(strings.Replace(whole, "2026-01-15T12:00:00Z", "0001-01-01T00:00:00Z", 1))); err != nil {
		t.Error(err)
	}
}

func FuzzGitHub(f *testing.F) {
	for _, body := range examples(f, "testdata/github/*.json") {
		f.Add([]byte(body))
	}
	f.Add([]byte(minimal))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, event := range []string{"deployment", "deployment_status", "ping"} {
			got, err := decodeGitHub(gitHubEvent(event), body)
			checkStorable(t, got, err)
		}
	})
}

// checkStorable checks that what is to be stored comes back the same.
func checkStorable(t *testing.T, d decoded, err error) {
	t.Helper()
	if err != nil || d.key == "" {
		return
	}
	text, err := json.Marshal(d.event)
	if err != nil {
		t.Fatalf("%+v can't be stored: %v", d.event, err)
	}
	var back dora.Event
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatalf("%s can't be read back: %v", text, err)
	}
	second, err := json.Marshal(back)
	if err != nil || string(second) != string(text) {
		t.Fatalf("%s came back as %s, %v", text, second, err)
	}
}

func TestRedeploymentOfPayloads(t *testing.T) {
	for payload, want := range map[string]bool{
		`{"redeployment":true}`: true, `{"redeployment":"true"}`: true, `{"redeployment":"True"}`: true, `{"redeployment":1}`: true, `{"a":{"b":1},"Redeployment":true}`: true,
		`"{\"redeployment\":\"true\"}"`: true, `"{\"redeployment\": true}"`: true,
		`{"redeployment":false}`: false, `{"redeployment":"false"}`: false, `{"redeployment":"yes"}`: false, `{"redeployment":""}`: false, `{"redeployment":null}`: false,
		`{"redeployment":{"x":true}}`: false, `{"redeployment":[true]}`: false, `{}`: false, `""`: false, `"true"`: false, `"{"`: false, `[]`: false, `null`: false, `7`: false,
	} {
		body := `{"deployment":{"id":7,"environment":"eu","payload":` + payload + `},"repository":{"name":"web"}}`
		got, err := decodeGitHub(gitHubEvent("deployment"), []byte(body))
		if err != nil || got.event.Deployment.Redeployment != want {
			t.Errorf("%s: %v, want %t", payload, err, want)
		}
	}
}
