package config

import (
	"crypto/rsa"
	"crypto/x509"
	"time"

	"gopkg.in/yaml.v3"
)

// defaultGitHub is the base URL of the API of github.com.
const defaultGitHub = "https://api.github.com/"

// GitHub has the servers of GitHub, and how they are asked.
type GitHub struct {
	// GitHubAccount has the keys directly under github.
	GitHubAccount
	// Owner is the owner of repositories that teams lists without one.
	Owner string
	// GiveUp is how long a call may fail although GitHub answers others.
	GiveUp time.Duration
	// Repair is the time between two searches for events that webhooks did not bring; 0 for none.
	Repair time.Duration
	// Accounts are all accounts: those of github.accounts, and the one of the keys directly under github if the file has these, or there
	// is no other.
	Accounts []GitHubAccount
}

// GitHubAccount is a credential for the API of a GitHub server, and the secrets of the webhooks of its owners.
type GitHubAccount struct {
	// Key is its place in the configuration: github or github.accounts[0].
	Key     string
	BaseURL string
	// Owners are the owners that it is for; none for all that no other account of the server lists.
	Owners []string
	// Token is empty without a credential, and with an App.
	Token         string
	App           *GitHubApp
	WebhookSecret []string
	// CA has the certificates of the server's CA; nil for those of the system.
	CA *x509.CertPool
}

// GitHubApp is a GitHub App, which acts as each of its installations.
type GitHubApp struct {
	ID         int
	PrivateKey *rsa.PrivateKey
}

// github reads the section github.
func (d *decoder) github(to *GitHub) field {
	known := d.account(&to.GitHubAccount)
	known["owner"], known["give_up"], known["repair"] = d.text(&to.Owner), d.duration(&to.GiveUp), d.interval(&to.Repair)
	known["accounts"] = d.list("owners: [acme]", func(n *yaml.Node, path string) {
		a := GitHubAccount{Key: path, BaseURL: defaultGitHub}
		known := d.account(&a)
		known["owners"] = d.stringList("acme", &a.Owners)
		if d.hasErrors(func() { d.mapping(n, path, known) }) {
			return
		}
		to.Accounts = append(to.Accounts, a)
	})
	return d.section(known)
}

// account returns the keys of an account, without its owners.
func (d *decoder) account(to *GitHubAccount) fields {
	return fields{
		"base_url": d.url(&to.BaseURL), "ca_file": d.authority(&to.CA),
		"token": d.text(&to.Token), "token_file": d.secretFile(&to.Token),
		"app":            d.app(&to.App),
		"webhook_secret": d.secrets(&to.WebhookSecret), "webhook_secret_file": d.secretFiles(&to.WebhookSecret),
	}
}
