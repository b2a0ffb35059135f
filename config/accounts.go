package config

import (
	"fmt"
	"strings"

	"dora-exporter/dora"
)

// completeGitHub adds the account of the keys directly under github, and checks that no two accounts are for the same repositories.
func (c *Config) completeGitHub(d *decoder) {
	for i, a := range c.GitHub.Accounts {
		d.checkAccount(a)
		for _, other := range c.GitHub.Accounts[:i] {
			d.checkSameOwners(a, other)
		}
	}
	short := &c.GitHub.GitHubAccount
	short.Key = "github"
	d.checkAccount(*short)
	if len(c.GitHub.Accounts) > 0 && !d.setsAccount() {
		if short.Token != "" || len(short.WebhookSecret) > 0 {
			d.warnings = append(d.warnings, "GITHUB_TOKEN and GITHUB_WEBHOOK_SECRET have no effect: github.accounts is set; set github.token_file for all other owners")
		}
		return
	}
	for _, other := range c.GitHub.Accounts {
		if len(other.Owners) == 0 {
			d.checkSameOwners(other, *short)
		}
	}
	c.GitHub.Accounts = append(c.GitHub.Accounts, *short)
}

// setsAccount reports whether the file has a key of an account directly under github.
func (d *decoder) setsAccount() bool {
	for key := range d.account(&GitHubAccount{}) {
		if !empty(d.nodes["github."+key]) {
			return true
		}
	}
	return false
}

// checkAccount checks what depends on several keys of an account, and the names of its owners.
func (d *decoder) checkAccount(a GitHubAccount) {
	hasToken := !empty(d.nodes[a.Key+".token"]) || !empty(d.nodes[a.Key+".token_file"])
	if a.App != nil && hasToken {
		d.fail(d.nodes[a.Key+".app"], "%s.app and a token are both set: remove one of the two", a.Key)
	}
	for i, owner := range a.Owners {
		if path := fmt.Sprintf("%s.owners[%d]", a.Key, i); !isOwner(owner) {
			d.failName(d.nodes[path], path, owner, "the name of an owner", ownerAdvice(owner))
		}
	}
}

// checkSameOwners rejects two accounts of a server for the same owner, or for all.
func (d *decoder) checkSameOwners(a, other GitHubAccount) {
	server := dora.Account{BaseURL: a.BaseURL}.Server()
	if server != (dora.Account{BaseURL: other.BaseURL}).Server() {
		return
	}
	if len(a.Owners) == 0 && len(other.Owners) == 0 {
		d.fail(d.nodes[a.Key], "%s and %s are both for all owners on %s: write owners: with those of %s", a.Key, other.Key, server, a.Key)
	}
	for i, owner := range a.Owners {
		if (dora.Account{Owners: other.Owners}).Lists(owner) {
			path := fmt.Sprintf("%s.owners[%d]", a.Key, i)
			d.fail(d.nodes[path], "%s is %q, which %s is for, too: remove it from one of the two", path, owner, other.Key)
		}
	}
}

// OwnerAccounts returns the accounts, in the same order, as those of repositories.
func (g *GitHub) OwnerAccounts() dora.Accounts {
	all := make(dora.Accounts, len(g.Accounts))
	for i, a := range g.Accounts {
		all[i] = dora.Account{BaseURL: a.BaseURL, Owners: a.Owners}
	}
	return all
}

// Unsigned returns the keys of the accounts whose webhooks are accepted from anybody.
func (g *GitHub) Unsigned() (keys []string) {
	for _, a := range g.Accounts {
		if len(a.WebhookSecret) == 0 {
			keys = append(keys, a.Key)
		}
	}
	return keys
}

// ownerAdvice returns what to write instead of a name that no owner has.
func ownerAdvice(owner string) string {
	meant := strings.TrimFunc(owner, isBlank)
	if meant = strings.Trim(strings.TrimPrefix(meant, remoteHost.FindString(meant+"/")), "/@"); isOwner(meant) {
		return meant
	}
	return "the owner's name, such as acme"
}
