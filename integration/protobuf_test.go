package integration

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// A Prometheus that prefers protobuf gets it, and sees the same names, types and values as one that reads text.
func TestPrometheusThatPrefersProtobuf(t *testing.T) {
	e := newExporter(t, github(t))
	e.start(t)
	e.send(t, "deployment_status", status(1, 1, "success"))
	body := `{"timestamp":1,"webhookEvent":"jira:issue_updated","issue":{"id":"1","key":"INC-1","fields":{"issuetype":{"name":"Incident"},` +
		`"project":{"key":"INC"},"created":"2026-03-02T10:00:00.000+0000","resolutiondate":"2026-03-02T11:00:00.000+0000"}}}`
	e.sendJira(t, body)
	for format, flags := range map[string][]string{"text/plain": nil, "application/vnd.google.protobuf": {"--enable-feature=native-histograms"}} {
		t.Run(format, func(t *testing.T) {
			between := listenBetween(t, e.address)
			p := startPrometheus(t, strings.TrimPrefix(between.server.URL, "http://"), flags...)
			for query, want := range map[string]float64{
				`github_deployments_total{environment="production",repo="web",status="success",team="Platform"}`:        1,
				`github_deployments_duration{environment="production",repo="web",status="success",team="Platform"}`:     3600,
				`github_deployments_duration_sum{environment="production",repo="web",status="success",team="Platform"}`: 3600,
				`jira_incidents{project="INC",team="Platform"}`:                                                         1,
				`jira_incidents_duration_sum{project="INC",team="Platform"}`:                                            3600,
			} {
				p.wait(t, query, want)
				name, _, _ := strings.Cut(query, "{")
				p.hasType(t, name)
			}
			if got := between.answered(); got != format {
				t.Errorf("the exporter answered %s", got)
			}
		})
	}
}

// types are those of the documented families.
var types = map[string]string{
	"github_deployments_total": "counter", "github_deployments_duration": "gauge", "github_deployments_duration_sum": "gauge",
	"jira_incidents": "counter", "jira_incidents_duration_sum": "gauge",
}

// hasType checks what type a family has for Prometheus.
func (p prometheus) hasType(t *testing.T, family string) {
	t.Helper()
	text, err := get(p.url + "/api/v1/metadata?metric=" + url.QueryEscape(family))
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Data map[string][]struct{ Type string }
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatal(err)
	}
	if all := answer.Data[family]; len(all) != 1 || all[0].Type != types[family] {
		t.Errorf("%s is %s, want %s", family, text, types[family])
	}
}

// between passes what is asked and answered on, and keeps the type of the last answer.
type between struct {
	server *httptest.Server

	mu   sync.Mutex
	kind string
}

func listenBetween(t *testing.T, address string) *between {
	t.Helper()
	b := &between{}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address})
	proxy.ModifyResponse = func(answer *http.Response) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.kind, _, _ = strings.Cut(answer.Header.Get("Content-Type"), ";")
		return nil
	}
	b.server = httptest.NewServer(proxy)
	t.Cleanup(b.server.Close)
	return b
}

func (b *between) answered() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.kind
}

// sendJira posts a signed event of Jira's, which must be taken.
func (e *exporter) sendJira(t *testing.T, body string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, "http://"+e.address+"/api/jira", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Hub-Signature", signature(body))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		t.Fatalf("%s: status %d", body, answer.StatusCode)
	}
}

func signature(body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}
