package history

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
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
	_, err := j.try(ctx, "/rest/api/2/serverInfo", nil, &server)
	if err == nil {
		_, err = j.try(ctx, "/rest/api/2/myself", nil, &myself)
	}
	if err != nil {
		f.Text, f.Remedy = err.Error(), "check jira.base_url, the network, and HTTPS_PROXY and NO_PROXY"
		var refused *refusedError
		if errors.As(err, &refused) && (refused.status == http.StatusUnauthorized || refused.status == http.StatusForbidden) {
			f.Remedy = "renew jira.token; on Jira Cloud, set jira.user to the e-mail address of its owner"
		}
		return f
	}
	if server.DeploymentType == "" {
		f.Text, f.Remedy = "GET "+j.BaseURL+"/rest/api/2/serverInfo: this is not an answer of Jira", "correct jira.base_url"
		return f
	}
	s := site{cloud: server.DeploymentType == "Cloud", zone: time.UTC}
	if _, err := j.try(ctx, s.searchPath(), url.Values{"jql": {j.query(s, time.Now().Add(-dora.Day))}, "maxResults": {"1"}}, &searchAnswer{}); err != nil {
		f.Text, f.Remedy = err.Error(), "correct jira.jql, and let the user browse the projects"
		return f
	}
	f.Status, f.Text = dora.FindingOK, fmt.Sprintf("issues can be read as %s, whose time zone is %s", myself.DisplayName, myself.TimeZone)
	return f
}
