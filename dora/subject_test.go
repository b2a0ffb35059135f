package dora

import "testing"

func TestCutSubject(t *testing.T) {
	for subject, want := range map[string][3]string{
		"deployment_status:api.github.com/123":             {"deployment_status", "api.github.com/123", ""},
		"deployment:ghe.example.com:8443/7/success":        {"deployment", "ghe.example.com:8443/7", "success"},
		"change:api.github.com/acme/web/prod/eu/#12":       {"change", "api.github.com/acme/web/prod/eu/#12", ""},
		"change:api.github.com/acme/web/prod/#1/stage=x":   {"change", "api.github.com/acme/web/prod/#1", "stage=x"},
		"failure:api.github.com/7":                         {"failure", "api.github.com/7", ""},
		"incident:jira.example.com/10042":                  {"incident", "jira.example.com/10042", ""},
		"incident:jira.example.com/10042/resolved=1767225": {"incident", "jira.example.com/10042", "resolved=1767225"},
		"incident:jira.example.com/10042/open=2":           {"incident", "jira.example.com/10042", "open=2"},
		`zero:environment="a/b:c",repo="web"`:              {"zero", `environment="a/b:c",repo="web"`, ""},
		"of another version":                               {"of another version", "", ""},
	} {
		kind, key, detail := CutSubject(subject)
		if got := [3]string{kind, key, detail}; got != want {
			t.Errorf("%s: %q, want %q", subject, got, want)
		}
	}
}
