package receivers

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A token is accepted in a header, in the URL only if that is allowed, and instead of a signature.
func TestTokens(t *testing.T) {
	const body = `{"webhookEvent":"jira:issue_updated","timestamp":1,"issue":{"id":"1","key":"INC-1"}}`
	const token, path = "token-canary", "/api/jira"
	for name, test := range map[string]struct {
		tokens, secrets []string
		inURL           bool
		path            string
		header          []string
		want            int
	}{
		"none":                     {tokens: []string{token}, want: 401},
		"bearer":                   {tokens: []string{token}, header: []string{"Authorization", "Bearer " + token}, want: 202},
		"bearer in lower case":     {tokens: []string{token}, header: []string{"Authorization", "bearer  " + token}, want: 202},
		"basic":                    {tokens: []string{token}, header: []string{"Authorization", "Basic " + token}, want: 401},
		"without a scheme":         {tokens: []string{token}, header: []string{"Authorization", token}, want: 401},
		"header":                   {tokens: []string{token}, header: []string{"X-Webhook-Token", token}, want: 202},
		"the second of two":        {tokens: []string{"other", token}, header: []string{"X-Webhook-Token", token}, want: 202},
		"wrong":                    {tokens: []string{token}, header: []string{"X-Webhook-Token", token + "x"}, want: 401},
		"a beginning":              {tokens: []string{token}, header: []string{"X-Webhook-Token", token[:5]}, want: 401},
		"empty":                    {tokens: []string{token}, header: []string{"X-Webhook-Token", "", "Authorization", "Bearer "}, want: 401},
		"in the URL":               {tokens: []string{token}, path: path + "?token=" + token, want: 401},
		"in the URL, allowed":      {tokens: []string{token}, inURL: true, path: path + "?a=b&token=" + token, want: 202},
		"in the URL, wrong":        {tokens: []string{token}, inURL: true, path: path + "?token=" + token + "x", want: 401},
		"in the URL, of base64":    {tokens: []string{"a+b/c=="}, inURL: true, path: path + "?token=a+b/c==", want: 202},
		"in the URL, escaped":      {tokens: []string{"a+b/c=="}, inURL: true, path: path + "?token=a%2Bb%2Fc%3D%3D", want: 202},
		"in the URL, with a blank": {tokens: []string{"a b"}, inURL: true, path: path + "?token=a%20b", want: 202},
		"a header, URL allowed":    {tokens: []string{token}, inURL: true, header: []string{"X-Webhook-Token", token}, want: 202},
		"signature, no token":      {tokens: []string{token}, secrets: []string{jiraSecret}, header: []string{"X-Hub-Signature", sign(jiraSecret, body)}, want: 202},
		"token, no signature":      {tokens: []string{token}, secrets: []string{jiraSecret}, header: []string{"X-Webhook-Token", token}, want: 202},
		"token, wrong signature":   {tokens: []string{token}, secrets: []string{jiraSecret}, header: []string{"X-Webhook-Token", token, "X-Hub-Signature", "sha256=00"}, want: 202},
		"both wrong":               {tokens: []string{token}, secrets: []string{jiraSecret}, header: []string{"X-Webhook-Token", "x", "X-Hub-Signature", sign("x", body)}, want: 401},
		"signature without secret": {tokens: []string{token}, header: []string{"X-Hub-Signature", sign(jiraSecret, body)}, want: 401},
		"token without one set":    {secrets: []string{jiraSecret}, header: []string{"X-Webhook-Token", ""}, want: 401},
		"only an empty one is set": {tokens: []string{""}, secrets: []string{jiraSecret}, want: 401},
		"an empty one beside it":   {tokens: []string{token, ""}, inURL: true, want: 401},
		"neither is set":           {want: 202},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBenchOf(Options{Jira: JiraOptions{Secrets: test.secrets, Tokens: test.tokens, TokenInURL: test.inURL}})
			if test.path == "" {
				test.path = path
			}
			answer := b.post(test.path, strings.NewReader(body), headers(map[string]string{"Content-Type": jsonType}, test.header))
			if answer.Code != test.want {
				t.Errorf("status %d, want %d: %s", answer.Code, test.want, answer.Body)
			}
			if strings.Contains(b.log.String()+answer.Body.String()+strings.Join(b.refused, ""), token) {
				t.Errorf("the token is in the log or the answer:\n%s%s", b.log.String(), answer.Body)
			}
		})
	}
}

// What handles a request later can't see the token of its URL.
func TestStripQuery(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/api/jira?token=canary", http.NoBody)
	stripQuery(r)
	if r.URL.String() != "/api/jira" || r.RequestURI != "/api/jira" {
		t.Errorf("%s, %s", r.URL, r.RequestURI)
	}
}
