package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// unreadable has something wrong in every section that only the server needs.
const unreadable = `
server: {port: 9090}
github: {token_file: /nowhere/token, webhook_secret_file: [/nowhere/a, /nowhere/b], base_url: nonsense}
jira: {webhook_secret_file: /nowhere/jira, incidents: {types: [Incident]}}
catalog: {mode: backstage, token_file: /nowhere/backstage}
teams: [{github_repositories: [web]}]
metrics: {max_series: none}
otlp: {enabled: true, endpoint: nonsense, headers_file: /nowhere/headers, certificate: /nowhere/ca.pem}
deployments: {settle: 5m}
environments: {production: [live], rewrite: [{match: ^pr-, name: review}]}
storage: {file: {path: /data/a.prom}}
`

// A command works with a configuration whose secrets it can't read, and with the variables of a server.
func TestUsesSkipWhatTheyDoNotNeed(t *testing.T) {
	if _, _, err := Parse(ForServer, "config.yml", []byte(unreadable), noEnvironment); err == nil || !strings.Contains(err.Error(), "github.token_file") {
		t.Errorf("the server starts with %v", err)
	}
	variables := func(name string) string {
		return map[string]string{
			"OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.example.com", "OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere/ca.pem",
		}[name]
	}
	for name, use := range map[string]Use{"report": ForReport, "database": ForDatabase, "health check": ForHealthCheck} {
		got, _, err := Parse(use, "config.yml", []byte(unreadable), variables)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := defaults()
		switch use {
		case ForReport:
			want.Policy.Settle, want.Policy.Incidents.Types = 5*time.Minute, []string{"Incident"}
			want.Policy.Production, want.Environments = got.Policy.Production, got.Environments
			if len(got.Policy.Production) != 1 || !got.Policy.Production[0].MatchString("Live") || got.Policy.Production[0].MatchString("production") {
				t.Errorf("%s: environments.production is %v", name, got.Policy.Production)
			}
			fallthrough
		case ForDatabase:
			want.Storage.File.Path, want.Storage.Database = "/data/a.prom", "/data/a.db"
		case ForHealthCheck:
			want.Server.Port = 9090
		}
		if diff := cmp.Diff(want, got, sameExpression); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

// What a use does need is checked as for the server, and unknown keys at the top are errors for all.
func TestUsesCheckWhatTheyNeed(t *testing.T) {
	for text, use := range map[string]Use{
		"storage: {file: {path: []}}":       ForDatabase,
		"environments: {production: ['(']}": ForReport,
		"server: {port: none}":              ForHealthCheck,
		"strage: {}":                        ForDatabase,
	} {
		if _, _, err := Parse(use, "config.yml", []byte(text), noEnvironment); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
}
