package app

import (
	"context"
	"log/slog"

	"dora-exporter/catalog"
	"dora-exporter/config"
	"dora-exporter/dora/pipeline"
	"dora-exporter/enrichment"
)

// PlanBackfill returns what a backfill would read. It opens no database: it works beside a server, and does not create the store, whose
// creation is the end of History.
func PlanBackfill(ctx context.Context, o Options, r BackfillRequest) (plan BackfillPlan, err error) {
	o.useMachine(nil)
	p := parts{catalogued: noRepositories, sleep: pipeline.Sleep}
	if p.github, err = plainAccounts(&o); err != nil {
		return plan, err
	}
	if o.Config.Catalog.Mode == "backstage" {
		b, err := plainBackstage(o.Config, o.Logger)
		if err != nil {
			return plan, err
		}
		p.catalogued = b.Repositories
	}
	b, err := p.newBackfill(ctx, &o, r, nil)
	if err != nil {
		return plan, err
	}
	plan, err = b.Plan(ctx)
	plan.Request = r
	return plan, err
}

// noRepositories returns the repositories of a static catalog: none besides those of teams.
func noRepositories(context.Context) ([]string, error) { return nil, nil }

// plainAccounts returns the accounts without metrics.
func plainAccounts(o *Options) (*enrichment.Accounts, error) {
	return enrichment.NewAccounts(enrichment.AccountsOptions{
		Accounts: gitHubAccounts(&o.Config.GitHub), Logger: o.Logger,
		OnRequest: func(string, string, string) {}, OnRateLimit: func(string, int, int) {}, OnAuth: func(string, bool) {},
		OnInaccessible: func(string, int) {}, OnPause: func(string, string) {},
	})
}

// plainBackstage returns the catalog of Backstage without metrics.
func plainBackstage(c *config.Config, logger *slog.Logger) (*catalog.Backstage, error) {
	return catalog.NewBackstage(catalog.Options{
		Endpoint: c.Catalog.Endpoint, Token: c.Catalog.Token, TTL: c.Catalog.CacheTTL, Logger: logger, OnLookup: func(string) {},
	})
}
