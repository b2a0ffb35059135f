package dora

import "testing"

func TestAccountOfRepository(t *testing.T) {
	const (
		gitHub = "https://api.github.com/"
		server = "https://ghe.example.com/api/v3/"
		proxy  = "http://cache.example.com:8080/"
	)
	two := Accounts{{gitHub, []string{"acme", "Beta"}}, {server, []string{"acme"}}}
	tests := []struct {
		name        string
		accounts    Accounts
		host, owner string
		want        int // -1 for none
	}{
		{"the only account, its server", Accounts{{gitHub, nil}}, "api.github.com", "acme", 0},
		{"the only account, an Enterprise Server asked of github.com", Accounts{{gitHub, nil}}, "ghe.example.com", "acme", -1},
		{"the only account, github.com asked of an Enterprise Server", Accounts{{server, nil}}, "api.github.com", "acme", -1},
		{"the only account, another name of its Enterprise Server", Accounts{{server, nil}}, "ghe.internal", "acme", 0},
		{"one of two accounts, another name of its Enterprise Server", two, "ghe.internal", "acme", -1},
		{"the only account, no host", Accounts{{server, nil}}, "", "acme", 0},
		{"the only account lists another owner", Accounts{{gitHub, []string{"acme"}}}, "api.github.com", "beta", -1},
		{"the owner on the first server", two, "api.github.com", "acme", 0},
		{"the owner on the second server", two, "ghe.example.com", "acme", 1},
		{"another case of the owner", two, "api.github.com", "bEtA", 0},
		{"an owner of the other server", two, "ghe.example.com", "beta", -1},
		{"no host with two servers", two, "", "acme", -1},
		{"a part of an owner's name", two, "api.github.com", "acm", -1},
		{"a listed owner goes before all owners", Accounts{{gitHub, nil}, {gitHub, []string{"acme"}}}, "api.github.com", "acme", 1},
		{"all other owners", Accounts{{gitHub, []string{"acme"}}, {gitHub, nil}}, "api.github.com", "beta", 1},
		{"another port is another server", Accounts{{"https://ghe.example.com:8443/api/v3", nil}, {gitHub, nil}}, "ghe.example.com", "acme", -1},
		{"the same port", Accounts{{"https://ghe.example.com:8443/api/v3", nil}}, "ghe.example.com:8443", "acme", 0},
		{"the default port", Accounts{{"https://GHE.example.com:443/api/v3/", nil}}, "ghe.example.com", "acme", 0},
		{"GitHub Enterprise Cloud with its own domain", Accounts{{"https://api.octo.ghe.com/", nil}}, "api.octo.ghe.com", "acme", 0},
		{"subdomain isolation", Accounts{{"https://api.ghe.example.com/", nil}}, "ghe.example.com", "acme", 0},
		{"its own domain is no proxy", Accounts{{"https://api.octo.ghe.com/", nil}}, "api.github.com", "acme", -1},
		{"a proxy for github.com", Accounts{{proxy, nil}}, "api.github.com", "acme", 0},
		{"one of two accounts is a proxy, and not for another server", Accounts{{proxy, nil}, {gitHub, nil}}, "ghe.example.com", "acme", -1},
		{"the server itself goes before a proxy", Accounts{{proxy, []string{"acme"}}, {gitHub, nil}}, "api.github.com", "acme", 1},
		{"a proxy for what the server's accounts don't list", Accounts{{gitHub, []string{"acme"}}, {proxy, nil}}, "api.github.com", "beta", 1},
		{"no account", nil, "api.github.com", "acme", -1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, found := test.accounts.Of(test.host, test.owner)
			if !found {
				got = -1
			}
			if got != test.want {
				t.Errorf("account %d, want %d", got, test.want)
			}
		})
	}
}
