package config

import (
	"strings"
	"testing"
)

// A subcommand starts whatever is wrong in the sections that it does not use.
func TestSections(t *testing.T) {
	const text = `github:
  token_file: testdata/missing
jira:
  webhook_secret_file: testdata/missing
  incidents:
    types: [Outage]
catalog:
  mode: backstage
teams:
  - github_repositories: [a/b/c]
otlp:
  enabled: true
  certificate: testdata/missing
  timeout: soon
storage:
  database: other.db
`
	c, _, err := Parse("config.yml", []byte(text), noEnvironment, "storage", "jira.incidents")
	if err != nil || c.Storage.Database != "other.db" || len(c.Policy.Incidents.Types) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	_, _, err = Parse("config.yml", []byte(text), noEnvironment)
	if err == nil || strings.Count(err.Error(), "\n") != 6 {
		t.Errorf("all sections: want 7 errors, got %v", err)
	}
	_, _, err = Parse("config.yml", []byte(strings.Replace(text, "database:", "databse:", 1)), noEnvironment, "storage")
	if err == nil || !strings.Contains(err.Error(), `config.yml:16: unknown key "databse" under storage`) {
		t.Errorf("an error in a section that is used: %v", err)
	}
}
