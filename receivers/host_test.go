package receivers

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// One server is one sender, however its URLs are spelled: the same event from two hooks has the same key.
func TestHostInKeys(t *testing.T) {
	for _, test := range []struct{ self, host string }{
		{"https://git.example.com/api/v3/x", "git.example.com"},
		{"https://Git.Example.com:443/api/v3/x", "git.example.com"},
		{"http://git.example.com:80/api/v3/x", "git.example.com"},
		{"https://git.example.com:8443/api/v3/x", "git.example.com:8443"},
	} {
		b := signedBench()
		for _, w := range []struct{ body, event, key string }{
			{`{"deployment_status":{"id":3,"state":"success","created_at":"2026-01-15T12:00:00Z"},
				"deployment":{"id":2},"repository":{"full_name":"acme/web","url":%q}}`, "deployment_status", "github/%s/deployment_status/3"},
			{`{"deployment":{"id":2,"url":%q},"repository":{"full_name":"acme/web"}}`, "deployment", "github/%s/deployment/2"},
		} {
			if answer := b.gitHub(w.event, fmt.Sprintf(w.body, test.self)); answer.Code != http.StatusAccepted {
				t.Fatalf("%s: status %d: %s", test.self, answer.Code, answer.Body)
			}
			if got, want := b.inbox.deliveries[len(b.inbox.deliveries)-1].Key, fmt.Sprintf(w.key, test.host); got != want {
				t.Errorf("%s: the key is %s, want %s", test.self, got, want)
			}
		}
		body := fmt.Sprintf(`{"timestamp":5,"webhookEvent":"jira:issue_updated","issue":{"id":"1","key":"INC-1","self":%q}}`, test.self)
		if answer := b.jira(body); answer.Code != http.StatusAccepted {
			t.Fatalf("%s: status %d: %s", test.self, answer.Code, answer.Body)
		}
		if got, want := b.inbox.deliveries[2].Key, "jira/"+test.host+"/1/jira:issue_updated/5-"; !strings.HasPrefix(got, want) {
			t.Errorf("%s: the key is %s, want %s", test.self, got, want)
		}
	}
}
