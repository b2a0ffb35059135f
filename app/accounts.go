package app

import (
	"dora-exporter/config"
	"dora-exporter/enrichment"
	"dora-exporter/receivers"
)

// gitHubAccounts returns the accounts of the configuration for the GitHub API.
func gitHubAccounts(c *config.GitHub) []enrichment.Account {
	owners := c.OwnerAccounts()
	all := make([]enrichment.Account, len(c.Accounts))
	for i, a := range c.Accounts {
		all[i] = enrichment.Account{Account: owners[i], Key: a.Key, Token: a.Token, CA: a.CA}
		if a.App != nil {
			all[i].App = &enrichment.App{ID: int64(a.App.ID), PrivateKey: a.App.PrivateKey}
		}
	}
	return all
}

// gitHubSenders returns which secrets may sign the events of which repositories.
func gitHubSenders(c *config.GitHub) receivers.GitHubOptions {
	o := receivers.GitHubOptions{AccountOf: c.OwnerAccounts().Of}
	for _, a := range c.Accounts {
		o.Secrets = append(o.Secrets, a.WebhookSecret)
	}
	return o
}
