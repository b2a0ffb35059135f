package app

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"dora-exporter/config"
	"dora-exporter/demo"
)

// enterpriseServer is a GitHub Enterprise Server with an App that is installed for acme. Each commit of acme was written at 10:00.
func enterpriseServer(t *testing.T) *httptest.Server {
	t.Helper()
	answers := map[string]string{
		"GET /api/v3/app/installations":                   `[{"id":5,"account":{"login":"Acme"}}]`,
		"POST /api/v3/app/installations/5/access_tokens":  fmt.Sprintf(`{"token":"ghs_5","expires_at":%q}`, time.Now().Add(time.Hour).Format(time.RFC3339)),
		"GET /api/v3/repos/acme/web/commits/abcdef/pulls": `[]`,
		"GET /api/v3/repos/acme/web/commits/abcdef":       `{"sha":"abcdef","commit":{"message":"Work","author":{"date":"2026-01-10T10:00:00Z"}}}`,
	}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, known := answers[r.Method+" "+r.URL.Path]
		if isCommit := strings.Contains(r.URL.Path, "/commits/"); !known || isCommit && r.Header.Get("Authorization") != "Bearer ghs_5" {
			t.Errorf("%s %s with %.20q", r.Method, r.URL, r.Header.Get("Authorization"))
		}
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusCreated)
		}
		_, _ = fmt.Fprint(w, text)
	}))
	t.Cleanup(s.Close)
	return s
}

// writePEM writes a file in PEM format and returns its path.
func writePEM(t *testing.T, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Two servers have an owner and a repository of the same name and id. While one limits the rate of its account, and more look-ups wait
// for it than are made at the same time, the other answers for its own.
func TestTwoGitHubServers(t *testing.T) {
	var mu sync.Mutex
	limited := map[string]int{}
	cloud := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		limited[r.Header.Get("Authorization")]++
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(cloud.Close)
	server := enterpriseServer(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	o := testOptions(t, &fakeClock{})
	text := fmt.Sprintf(`server: {host: 127.0.0.1}
github:
  accounts:
    - {owners: [acme], base_url: %q, token: of-the-cloud, webhook_secret: one}
    - owners: [Acme]
      base_url: %s/api/v3
      app: {id: 12, private_key_file: %q}
      ca_file: %q
      webhook_secret: two
storage: {file: {path: %s}}
`, cloud.URL, server.URL, writePEM(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)), writePEM(t, "CERTIFICATE", server.Certificate().Raw),
		o.Config.Storage.File.Path)
	if o.Config, _, err = config.Parse("config.yml", []byte(text), func(string) string { return "" }); err != nil {
		t.Fatal(err)
	}
	o.Config.Server.Port = 0
	a := startApp(t, o)
	send := func(id int, secret, environment, url, sha string) {
		t.Helper()
		body := fmt.Sprintf(`{"deployment_status":{"id":%d,"state":"success","created_at":"2026-01-10T12:00:00Z"},
			"deployment":{"id":%[1]d,"sha":%q,"environment":%q,"created_at":"2026-01-10T12:00:00Z"},
			"repository":{"id":7,"full_name":"acme/web","url":"%s/repos/acme/web"}}`, id, sha, environment, url)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+a.Addresses()[0]+"/api/github", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("X-GitHub-Event", "deployment_status")
		request.Header.Set("X-Hub-Signature-256", demo.Sign(secret, []byte(body)))
		if status, text := answer(t, request); status != http.StatusAccepted {
			t.Fatalf("status %d: %s", status, text)
		}
	}
	for i := range 30 {
		send(1+i, "one", "cloud", cloud.URL, fmt.Sprintf("%040x", i+1))
	}
	waitFor(t, a, "dora_exporter_github_paused", fmt.Sprintf(`{account="%s/acme",reason="rate_limit"} 1`, strings.TrimPrefix(cloud.URL, "http://")))
	send(1, "two", "server", server.URL+"/api/v3", "abcdef")
	waitFor(t, a, "github_deployments_duration_sum", `{environment="server",repo="web",status="success",team="Unknown"} 7200`)
	waitFor(t, a, "dora_exporter_github_lookups_waiting", " 30\n")
	waitFor(t, a, "dora_exporter_github_auth_failing", fmt.Sprintf(`{account="%s/acme"} 0`, strings.TrimPrefix(server.URL, "https://")))
	waitFor(t, a, "github_deployments_total", `{environment="cloud",repo="web",status="success",team="Unknown"} 30`)
	mu.Lock()
	defer mu.Unlock()
	if limited["Bearer of-the-cloud"] == 0 || len(limited) != 1 {
		t.Errorf("the cloud was asked with %v", limited)
	}
}
