package config

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

func noEnvironment(string) string { return "" }

// Each bad file gives one message: file, line, what is wrong, what to write instead.
func TestBadFiles(t *testing.T) {
	messages := map[string]string{}
	for line := range strings.Lines(readFile(t, "testdata/bad/messages.txt")) {
		name, message, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if ok {
			messages[name] = message
		}
	}
	files, err := filepath.Glob("testdata/bad/*.yml")
	if err != nil || len(files) != len(messages) || len(files) < 20 {
		t.Fatalf("%d files and %d messages, %v", len(files), len(messages), err)
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".yml")
		t.Run(name, func(t *testing.T) {
			_, _, err := Parse("config.yml", []byte(readFile(t, path)), noEnvironment)
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(messages[name], err.Error()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("a secret is in the message %s", err)
			}
		})
	}
}

func defaults() *Config {
	c := &Config{}
	c.Server.Port, c.Server.Page = 8090, "on"
	c.GitHub.BaseURL, c.GitHub.GiveUp = "https://api.github.com/", time.Hour
	c.GitHub.Key = "github"
	c.GitHub.Accounts = []GitHubAccount{c.GitHub.GitHubAccount}
	c.Catalog.Mode, c.Catalog.CacheTTL, c.Catalog.MaxWait = "static", 10*time.Minute, 15*time.Minute
	c.Storage.File.Path, c.Storage.Database = "dora-exporter.prom", "dora-exporter.db"
	c.Metrics.MaxSeries, c.Storage.MaxBacklog = 20_000, 1_000_000
	c.OTLP = defaultOTLP()
	c.Policy = dora.Policy{
		Settle: 2 * time.Minute, Tasks: dora.MustFilter("deploy", "deploy:**"), UsualProduction: true, IgnoreAuthors: []string{"dependabot[bot]", "renovate[bot]"},
	}
	return c
}

func TestGoodFiles(t *testing.T) {
	existing := defaults()
	existing.GitHub.Owner, existing.GitHub.Token = "org", "gh_token_here"
	existing.Storage.File.Path, existing.Storage.Database = "/data/prometheus.prom", "/data/prometheus.db"
	existing.Teams = []dora.Team{
		{Name: "platform", Repositories: []string{"octo/exporter"}, Projects: []string{"PLATFORM"}},
		{Name: "team1", Repositories: []string{"org1/team1-repo"}},
	}
	backstage := defaults()
	backstage.Catalog.Mode, backstage.Catalog.Endpoint = "backstage", "http://backstage.example.com"
	everything := defaults()
	everything.Server = Server{Host: "127.0.0.1", Port: 9090, MetricsListen: "[::1]:9091", Page: "off"}
	everything.GitHub.Owner, everything.GitHub.Token, everything.GitHub.BaseURL = "acme", "from-a-file", "https://ghe.example.com/api/v3/"
	everything.GitHub.GiveUp, everything.GitHub.Repair, everything.Jira.Repair = 45*time.Minute, 15*time.Minute, 5*time.Minute
	everything.GitHub.WebhookSecret, everything.Jira.WebhookSecret = []string{"one", "two"}, []string{"from-a-file"}
	everything.Jira.WebhookToken, everything.Jira.WebhookTokenInURL = []string{"three", "four"}, true
	everything.Jira.TeamField, everything.Jira.EvidenceFields = "customfield_10001", []string{"customfield_10100", "environment"}
	everything.Catalog.Mode, everything.Catalog.Endpoint, everything.Catalog.Token = "backstage", "https://backstage.example.com/base", "t"
	everything.Catalog.CacheTTL, everything.Catalog.MaxWait = 90*time.Second, time.Hour
	everything.Teams = []dora.Team{
		{Name: "A", Repositories: []string{"web", "acme/api", "other/*"}, Projects: []string{"INC"}},
		{Name: "B", Repositories: []string{"ACME/WEB"}, Projects: []string{"inc", "OPS"}, Components: []string{"INC/checkout page"}},
	}
	everything.Storage.File.Path, everything.Storage.Database = "/data/x", "/data/y.sqlite"
	everything.Jira.BaseURL, everything.Jira.User, everything.Jira.JQL = "https://acme.atlassian.net", "exporter@acme.example", "project = INC"
	everything.Jira.Token = everything.GitHub.Token
	everything.Backfill.Since = time.Date(2025, 1, 31, 0, 0, 0, 0, time.UTC)
	everything.Metrics.RedeploymentLabel = true
	everything.Metrics.MaxSeries, everything.Storage.MaxBacklog = 500, 1000
	receiver := OTLPReceiver{
		Endpoint: OTLPEndpoint{URL: "https://collector.example.com/base", Source: "otlp.endpoint"}, Protocol: "http/protobuf", Compression: "gzip",
		Headers: map[string]string{"authorization": "Bearer x", "x-scope": "1"}, Timeout: 5 * time.Second,
	}
	everything.OTLP = OTLP{
		Enabled: true, Traces: true, MetricsReceiver: receiver, TracesReceiver: receiver, TracesRatio: 0.25,
		Spans:       defaultOTLP().Spans,
		Temporality: "delta", ExportTimeout: 30 * time.Second, Interval: 15 * time.Second,
		ResourceAttributes: map[string]string{"deployment.environment.name": "production"}, SemanticConventions: true,
	}
	everything.Environments = dora.Environments{
		{Match: regexp.MustCompile(`^pr-\d+$`), Name: "preview"},
		{Transient: true, Name: "transient"},
	}
	everything.Policy = dora.Policy{
		Settle: 30 * time.Second, IncidentWindow: 24 * time.Hour, IgnoreAuthors: []string{"robot"},
		Tasks: dora.MustFilter("deploy", "release/*"),
		Ignore: []dora.IgnoreRule{
			{
				Environment: regexp.MustCompile("(?i)^(?:prod.*)$"), Ref: regexp.MustCompile("(?i)^(?:refs/pull/.*)$"),
				Task: regexp.MustCompile("(?i)^(?:deploy)$"), Creator: regexp.MustCompile(`(?i)^(?:argo\[bot\])$`),
				Workflow: regexp.MustCompile("(?i)^(?:Plan|Check)$"), Description: regexp.MustCompile("(?i)^(?:dry run)$"),
				Text: `deployments.ignore: {creator: argo\[bot\], description: dry run, environment: prod.*, ref: refs/pull/.*, task: deploy, workflow: Plan|Check}`,
			},
			{Ref: regexp.MustCompile("(?i)^(?:)$"), Text: "deployments.ignore: {ref: }"},
		},
		Production:     []*regexp.Regexp{regexp.MustCompile("(?i)^(?:prod-.*)$"), regexp.MustCompile("(?i)^(?:eu)$")},
		HotfixBranches: dora.MustFilter("hotfix/*"), HotfixLabels: dora.MustFilter("hotfix"),
		Paths: []dora.RepositoryPaths{{Repository: "acme/mono", Environments: []dora.EnvironmentPaths{
			{Match: regexp.MustCompile("(?i)^(?:api-.*)$"), Paths: []string{"services/api/**", "go.mod"}},
		}}},
		Incidents: dora.IncidentFilter{
			Types: []string{"Incident"}, Labels: []string{"production", "live"}, Priorities: []string{"Highest"}, Statuses: []string{"Open"},
			Projects: []string{"INC", "OPS"}, IgnoredResolutions: []string{"Duplicate", "Won't Do"}, ResolvedStatuses: []string{"Mitigated"},
		},
	}
	for name, test := range map[string]struct {
		want     *Config
		warnings []string
	}{
		"empty":                       {want: defaults()},
		"comments":                    {want: defaults()},
		"null_sections":               {want: defaults()},
		"existing_exporter":           {want: existing},
		"existing_exporter_backstage": {want: backstage},
		"everything": {want: everything, warnings: []string{
			"repository ACME/WEB belongs to two teams, A and B: using the first",
			"Jira project inc belongs to two teams, A and B: using the first",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got, warnings, err := Load("testdata/good/"+name+".yml", true, noEnvironment)
			if err != nil {
				t.Fatal(err)
			}
			if len(test.want.GitHub.Accounts) == 1 {
				test.want.GitHub.Accounts[0] = test.want.GitHub.GitHubAccount
			}
			if diff := cmp.Diff(test.want, got, sameExpression); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(test.warnings, warnings); diff != "" {
				t.Errorf("warnings: -want +got:\n%s", diff)
			}
		})
	}
}

// sameExpression compares expressions by their text.
var sameExpression = cmp.Comparer(func(a, b *regexp.Regexp) bool { return a == b || a != nil && b != nil && a.String() == b.String() })

// Without the key the usual names are production, with an empty list none is.
func TestProductionKey(t *testing.T) {
	for text, want := range map[string]bool{"": true, "environments: {production: []}": false, "environments: {production: [eu]}": false} {
		c, _, err := Parse("config.yml", []byte(text), noEnvironment)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Policy.IsProduction(dora.Deployment{Environment: "production"}); got != want {
			t.Errorf("%q: production is one: %t, want %t", text, got, want)
		}
	}
}

func TestShippedConfig(t *testing.T) {
	got, warnings, err := Load("../config.yml", true, noEnvironment)
	if err != nil || warnings != nil {
		t.Fatalf("%v, warnings %q", err, warnings)
	}
	got.Teams = nil
	if diff := cmp.Diff(defaults(), got, sameExpression); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestEnvironment(t *testing.T) {
	env := map[string]string{
		"GITHUB_TOKEN": "t", "GITHUB_WEBHOOK_SECRET": "g", "JIRA_WEBHOOK_SECRET": "j", "BACKSTAGE_TOKEN": "b", "STORAGE_FILE_PATH": "/data/a.prom",
	}
	getenv := func(name string) string { return env[name] }
	got, _, err := Parse("config.yml", nil, getenv)
	if err != nil {
		t.Fatal(err)
	}
	want := defaults()
	want.GitHub.Token, want.GitHub.WebhookSecret, want.Jira.WebhookSecret, want.Catalog.Token = "t", []string{"g"}, []string{"j"}, "b"
	want.Storage.File.Path, want.Storage.Database = "/data/a.prom", "/data/a.db"
	want.GitHub.Accounts[0] = want.GitHub.GitHubAccount
	if diff := cmp.Diff(want, got, sameExpression); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	got, _, err = Parse("config.yml", []byte(`github: {token: file, webhook_secret: file}
jira: {webhook_secret: [file]}
catalog: {token: file}
storage: {file: {path: file.prom}}
`), getenv)
	if err != nil {
		t.Fatal(err)
	}
	want.GitHub.Token, want.GitHub.WebhookSecret, want.Jira.WebhookSecret, want.Catalog.Token = "file", []string{"file"}, []string{"file"}, "file"
	want.Storage.File.Path, want.Storage.Database = "file.prom", "file.db"
	want.GitHub.Accounts[0] = want.GitHub.GitHubAccount
	if diff := cmp.Diff(want, got, sameExpression); diff != "" {
		t.Errorf("the file does not win: -want +got:\n%s", diff)
	}
}

func TestMissingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yml")
	got, warnings, err := Load(path, false, noEnvironment)
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "using the defaults") {
		t.Errorf("at the default path: %v, warnings %q", err, warnings)
	}
	if diff := cmp.Diff(defaults(), got, sameExpression); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, _, err := Load(path, true, noEnvironment); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("named: %v", err)
	}
}

func FuzzConfig(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.yml", "testdata/good/*.yml"} {
		files, _ := filepath.Glob(pattern)
		for _, path := range files {
			f.Add([]byte(readFile(f, path)))
		}
	}
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("teams: &a\n  - name: *a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if strings.Contains(string(data), "_file") || strings.Contains(string(data), "certificate") {
			t.Skip("would read files")
		}
		c, _, err := Parse("config.yml", data, noEnvironment)
		if err == nil && (c.Server.Port < 1 || c.Server.Port > 65535 || c.Storage.Database == "") {
			t.Errorf("accepted as %+v", c)
		}
	})
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
