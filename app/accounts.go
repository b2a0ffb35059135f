package app

import (
	"dora-exporter/config"
	"dora-exporter/enrichment"
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
