package app

import (
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/enrichment"
	"dora-exporter/history"
	"dora-exporter/receivers"
)

// For how long github.com and an Enterprise Server list the deliveries of a webhook.
// https://docs.github.com/en/webhooks/testing-and-troubleshooting-webhooks/viewing-webhook-deliveries
const (
	gitHubWindow     = 3 * dora.Day
	enterpriseWindow = 7 * dora.Day
)

// newRepair returns the repair, which finds events that webhooks did not bring; it does nothing unless the configuration turns it on.
func (p *parts) newRepair(o *Options) *history.Repair {
	c := o.Config
	r := &history.Repair{
		Interval: c.GitHub.Repair, IssueInterval: c.Jira.Repair, AccountOf: c.GitHub.OwnerAccounts().Of, Issues: newIssues(c, o.Logger), Store: p.store,
		DecodeDeployment: receivers.DecodeDeployment, DecodeDelivery: receivers.DecodeGitHub, NeedsFlags: needsFlags(c), Created: p.store.Created(),
		Runner: p.runner, Shared: c.Storage.IsPostgreSQL(), Logger: o.Logger, Now: o.Machine.Wall, Clock: p.clock.Now, Sleep: pipeline.Sleep,
		OnChecked: p.instruments.Repair,
	}
	for i, account := range gitHubAccounts(&c.GitHub) {
		a := history.RepairAccount{
			Name: enrichment.AccountName(account.Account), Host: dora.Host(account.BaseURL), Window: windowOf(account.Account),
			Hooks: p.github.Hooks(i), Repositories: repositoriesOfAccount(c, i),
		}
		a.GitHub = p.github.Server(a.Host)
		r.Accounts = append(r.Accounts, a)
	}
	return r
}

// windowOf returns for how long the server of an account lists deliveries. A base URL without the path of an Enterprise Server may be that of
// a proxy for github.com, which lists them for the shorter time.
func windowOf(a dora.Account) time.Duration {
	if a.HasEnterprisePath() {
		return enterpriseWindow
	}
	return gitHubWindow
}
