package receivers

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

func TestReferences(t *testing.T) {
	const sha = "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d"
	for name, test := range map[string]struct {
		text string
		want []dora.Reference
	}{
		"none":                       {"The shop is down since 10:30, 1234567 orders are lost, see acme/web and #12", nil},
		"pull request's address":     {"broken by https://github.com/acme/web/pull/12/files", []dora.Reference{{Owner: "acme", Repository: "web", PullRequest: 12}}},
		"pull request in the API":    {"https://api.github.com/repos/acme/web/pulls/12", []dora.Reference{{Owner: "acme", Repository: "web", PullRequest: 12}}},
		"commit's address":           {"[x|https://ghe.example.com/acme/web.site/commit/7FD1A60]", []dora.Reference{{Owner: "acme", Repository: "web.site", Commit: "7fd1a60"}}},
		"deployment's address":       {"https://api.github.com/repos/acme/web/deployments/4711/statuses", []dora.Reference{{Owner: "acme", Repository: "web", Deployment: 4711}}},
		"owner/repo#12":              {"since acme/web#12.", []dora.Reference{{Owner: "acme", Repository: "web", PullRequest: 12, Deployment: 12}}},
		"owner/repo@sha":             {"since acme/web@7fd1a60b", []dora.Reference{{Owner: "acme", Repository: "web", Commit: "7fd1a60b"}}},
		"a SHA":                      {"revert " + sha, []dora.Reference{{Commit: sha}}},
		"a SHA without letters":      {"revert " + strings.Repeat("1234567890", 4), []dora.Reference{{Commit: strings.Repeat("1234567890", 4)}}},
		"the beginning of one":       {"(7fd1a60)", []dora.Reference{{Commit: "7fd1a60"}}},
		"SHAs in a list":             {"0b5d2e9f\n7fd1a60\n" + sha + " c0ffee12", []dora.Reference{{Commit: "0b5d2e9f"}, {Commit: "7fd1a60"}, {Commit: sha}, {Commit: "c0ffee12"}}},
		"SHAs in brackets":           {"(7fd1a60,c0ffee12)", []dora.Reference{{Commit: "7fd1a60"}, {Commit: "c0ffee12"}}},
		"parts of a longer word":     {"7fd1a60-c0ffee12 7fd1a60_x 7fd1a60g", nil},
		"a word is no SHA":           {"defaced effaced 1234567 1234567890", nil},
		"a deployment by its number": {"Deployment 987654 broke it", []dora.Reference{{Deployment: 987654}}},
		"each once":                  {"acme/web@7fd1a60b, again acme/web@7fd1a60b", []dora.Reference{{Owner: "acme", Repository: "web", Commit: "7fd1a60b"}}},
	} {
		if diff := cmp.Diff(test.want, references(test.text)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
	repeated := strings.Repeat("x acme/web#1", 10) + strings.Repeat(" acme/web#", 10)
	for i := range 500 {
		repeated += " acme/web#" + strings.Repeat("1", 1+i%17) + string(rune('1'+i%9))
	}
	if got := len(references(repeated)); got > maxReferences {
		t.Errorf("%d references", got)
	}
}

func TestTextsAreFoundInDocuments(t *testing.T) {
	adf := `{"type":"doc","version":1,"content":[{"type":"paragraph","content":[
		{"type":"text","text":"see ","marks":[{"type":"link","attrs":{"href":"https://github.com/acme/web/pull/12"}}]}]}]}`
	var found []string
	for _, document := range []string{`"Down"`, adf, `null`, `7`} {
		found = append(found, stringsIn([]byte(document))...)
	}
	if diff := cmp.Diff([]string{"Down", "doc", "paragraph", "text", "see ", "link", "https://github.com/acme/web/pull/12"}, found); diff != "" {
		t.Errorf("texts: -want +got:\n%s", diff)
	}
	got := references(strings.Join(found, "\n"))
	if diff := cmp.Diff([]dora.Reference{{Owner: "acme", Repository: "web", PullRequest: 12}}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// References stand in the summary, the description, the labels and the links.
func TestReferencesOfAnIssue(t *testing.T) {
	for name, fields := range map[string]string{
		"summary":     `"summary":"since acme/web@7fd1a60b"`,
		"description": `"description":"since acme/web@7fd1a60b"`,
		"labels":      `"labels":["production","acme/web@7fd1a60b"]`,
		"issue links": `"issuelinks":[{"outwardIssue":{"fields":{"summary":"acme/web@7fd1a60b"}}}]`,
		"links":       `"remotelinks":[{"object":{"url":"https://github.com/acme/web/commit/7fd1a60b"}}]`,
	} {
		d, err := decodeJira(`{"webhookEvent":"jira:issue_created","timestamp":1,"issue":{"id":"1","key":"INC-1","fields":{` + fields + `}}}`)
		if err != nil {
			t.Fatal(err)
		}
		want := []dora.Reference{{Owner: "acme", Repository: "web", Commit: "7fd1a60b"}}
		if diff := cmp.Diff(want, d.event.Incident.References); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

// What an issue has beside its dates may be of any type.
func TestOddFieldsOfAnIssueLoseNoEvent(t *testing.T) {
	for _, payload := range []string{`null`, `7`, `"text"`, `[]`, `{}`, `[{"name":7}]`, `{"name":["x"]}`, `true`} {
		body := `{"webhookEvent":"jira:issue_created","timestamp":1,"issue":{"id":"1","key":"INC-1","fields":{"issuetype":` + payload + `,"priority":` + payload +
			`,"labels":` + payload + `,"summary":` + payload + `,"description":` + payload + `,"issuelinks":` + payload + `,"remotelinks":` + payload + `}}}`
		if _, err := decodeJira(body); err != nil {
			t.Errorf("%s: %v", payload, err)
		}
	}
}
