package history

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"dora-exporter/dora"
)

// Check finds out whether issues can be read: the address, the credential, and the JQL.
func (j *Jira) Check(ctx context.Context) dora.Finding {
	f := dora.Finding{Check: "jira", Subject: j.Site(), Status: dora.FindingFailed}
	var server struct {
		DeploymentType string `json:"deploymentType"`
	}
	var myself struct {
		DisplayName string `json:"displayName"`
		TimeZone    string `json:"timeZone"`
	}
	for i, path := range []string{"/rest/api/2/serverInfo", "/rest/api/2/myself"} {
		if _, err := j.try(ctx, path, nil, []any{&server, &myself}[i]); err != nil {
			f.Text, f.Remedy = withoutAdvice(err), "check jira.base_url, the network, and HTTPS_PROXY and NO_PROXY"
			if strings.Contains(f.Text, ": 401 ") || strings.Contains(f.Text, ": 403 ") {
				f.Remedy = "renew jira.token; on Jira Cloud, set jira.user to the e-mail address of its owner"
			}
			return f
		}
	}
	if server.DeploymentType == "" {
		f.Text, f.Remedy = "GET "+j.BaseURL+"/rest/api/2/serverInfo: this is not an answer of Jira", "correct jira.base_url"
		return f
	}
	s := site{cloud: server.DeploymentType == "Cloud", zone: time.UTC}
	if _, err := j.try(ctx, s.searchPath(), url.Values{"jql": {j.query(s, time.Now().Add(-dora.Day))}, "maxResults": {"1"}}, &searchAnswer{}); err != nil {
		f.Text, f.Remedy = withoutAdvice(err), "correct jira.jql, and let the user browse the projects"
		return f
	}
	f.Status, f.Text = dora.FindingOK, fmt.Sprintf("issues can be read as %s, whose time zone is %s", myself.DisplayName, myself.TimeZone)
	return f
}

// withoutAdvice returns the text of an error of a call without what to check.
func withoutAdvice(err error) string {
	text, _, _ := strings.Cut(err.Error(), callAdvice)
	return text
}

// searchPath returns the path of the search.
func (s site) searchPath() string {
	if s.cloud {
		return "/rest/api/3/search/jql"
	}
	return "/rest/api/2/search"
}
