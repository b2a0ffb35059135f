package receivers

import (
	"fmt"
	"strings"
	"testing"

	"dora-exporter/dora"
)

// An event must be signed with a secret of the account of its repository.
func TestEventsOfSeveralAccounts(t *testing.T) {
	const gitHub, server = "https://api.github.com/", "https://ghe.example.com/api/v3/"
	owned := func(base string, owners ...string) dora.Account { return dora.Account{BaseURL: base, Owners: owners} }
	accounts := dora.Accounts{owned(gitHub, "acme"), owned(gitHub, "beta"), owned(server, "acme"), owned(gitHub, "open")}
	secrets := [][]string{{"of acme", "of acme before"}, {"of beta"}, {"of the server"}, nil}
	const wrong, another = "signature missing or wrong", "signed with the secret of an account that is not for owner"
	for name, test := range map[string]struct {
		accounts        int
		secret          string
		url, owner      string
		refused, result string
	}{
		"its account":                            {4, "of acme", gitHub, "acme", "", "accepted"},
		"the secret before":                      {4, "of acme before", gitHub, "acme", "", "accepted"},
		"another case of the owner":              {4, "of acme", gitHub, "ACME", "", "accepted"},
		"another organisation":                   {4, "of beta", gitHub, "acme", another, "unauthorized"},
		"the same owner on another server":       {4, "of acme", server, "acme", another, "unauthorized"},
		"its account on the other server":        {4, "of the server", server, "acme", "", "accepted"},
		"no signature":                           {4, "", gitHub, "acme", wrong, "unauthorized"},
		"a secret of nobody":                     {4, "other", gitHub, "acme", wrong, "unauthorized"},
		"no signature where none is required":    {4, "", gitHub, "open", "", "accepted"},
		"another one where none is required":     {4, "other", gitHub, "open", "", "accepted"},
		"an owner without an account":            {4, "of acme", gitHub, "new", another, "unauthorized"},
		"an owner without an account, unsigned":  {4, "", gitHub, "new", wrong, "unauthorized"},
		"a server without an account":            {3, "of acme", "https://other.example.com/api/v3/", "acme", another, "unauthorized"},
		"an owner that the only account lacks":   {1, "of acme", gitHub, "new", "", "accepted"},
		"a server that the only account is not":  {1, "of acme", server, "acme", "", "accepted"},
		"unsigned, and all accounts are signed":  {3, "", gitHub, "acme", wrong, "unauthorized"},
		"an unknown owner, unsigned, one secret": {1, "", gitHub, "new", wrong, "unauthorized"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBenchOf(Options{GitHub: GitHubOptions{Secrets: secrets[:test.accounts], AccountOf: accounts[:test.accounts].Of}})
			for _, event := range []string{"deployment", "deployment_status"} {
				b.observed, b.refused = nil, nil
				body := fmt.Sprintf(`{"deployment_status":{"id":3,"state":"success","created_at":"2026-01-15T12:00:00Z"},
					"deployment":{"id":2},"repository":{"full_name":"%s/web","url":"%srepos/%[1]s/web"}}`, test.owner, test.url)
				signature := ""
				if test.secret != "" {
					signature = sign(test.secret, body)
				}
				answer := b.gitHub(event, body, "X-Hub-Signature-256", signature)
				wantStatus := 202
				if test.refused != "" {
					wantStatus = 401
				}
				if answer.Code != wantStatus || len(b.observed) != 1 || !strings.HasSuffix(b.observed[0], test.result) {
					t.Errorf("%s: status %d, %q", event, answer.Code, b.observed)
				}
				if test.refused != "" && (len(b.refused) != 1 || !strings.Contains(b.refused[0], test.refused)) {
					t.Errorf("%s: refused %q, want %q", event, b.refused, test.refused)
				}
			}
			if stored := len(b.inbox.deliveries); stored != map[string]int{"accepted": 2}[test.result] {
				t.Errorf("%d deliveries are stored", stored)
			}
		})
	}
}

// What is not stored may be signed with any of the secrets.
func TestPingOfAnAccount(t *testing.T) {
	for secret, want := range map[string]int{"one": 202, "two": 202, "three": 401} {
		b := newBenchOf(Options{GitHub: GitHubOptions{
			Secrets: [][]string{{"one"}, {"two"}}, AccountOf: func(string, string) (int, bool) { return 0, false },
		}})
		const body = `{"hook_id":1}`
		if answer := b.gitHub("ping", body, "X-Hub-Signature-256", sign(secret, body)); answer.Code != want {
			t.Errorf("%s: status %d, want %d", secret, answer.Code, want)
		}
	}
}
