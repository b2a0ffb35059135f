package dora

import (
	"slices"
	"strings"
)

// Account is a credential for the API of a GitHub server, by the repositories that it is for.
type Account struct {
	// BaseURL is that of the server's API.
	BaseURL string
	// Owners are the owners of its repositories; none for all owners on the server that no other account lists.
	Owners []string
}

// Accounts has the accounts of the configuration.
type Accounts []Account

// gitHubHost is the host of github.com in GitHubHost's form.
const gitHubHost = "github.com"

// GitHubHost returns the host of a GitHub server by a host of its URLs (Host): that of the API of github.com is api.github.com.
func GitHubHost(host string) string { return strings.TrimPrefix(host, "api.") }

// Of returns the index of the account for the repositories of an owner on a host, as in Deployment.Host; false if there is none. An
// account of the server goes before a proxy, and one that lists the owner before one for all owners. The only account may call its
// Enterprise Server by another name than the events do.
func (a Accounts) Of(host, owner string) (index int, found bool) {
	best := 0
	for i, account := range a {
		if rank := account.rank(GitHubHost(host), owner, len(a) == 1); rank > best {
			best, index = rank, i
		}
	}
	return index, best > 0
}

// rank returns how well an account fits a repository; 0 if it is not for it.
func (a Account) rank(host, owner string, only bool) int {
	var rank int
	switch server := a.Server(); {
	case server == host, only && host == "":
		rank = 3
	case host == gitHubHost && a.isProxy(), only && host != gitHubHost && server != gitHubHost:
		rank = 1
	default:
		return 0
	}
	switch {
	case a.Lists(owner):
		return rank + 1
	case len(a.Owners) == 0:
		return rank
	}
	return 0
}

// Server returns the host of the account's server (GitHubHost).
func (a Account) Server() string { return GitHubHost(Host(a.BaseURL)) }

// Lists reports whether an owner is among the account's. Case does not matter.
func (a Account) Lists(owner string) bool {
	return slices.ContainsFunc(a.Owners, func(listed string) bool { return strings.EqualFold(listed, owner) })
}

// isProxy reports whether the base URL may be a proxy for github.com: the API of an Enterprise Server is at /api/v3 or on a host that
// begins with api.
func (a Account) isProxy() bool {
	return !a.HasEnterprisePath() && !strings.HasPrefix(Host(a.BaseURL), "api.")
}

// HasEnterprisePath reports whether the base URL ends in /api/v3, which only that of an Enterprise Server does.
func (a Account) HasEnterprisePath() bool {
	return strings.HasSuffix(strings.TrimRight(a.BaseURL, "/"), "/api/v3")
}
