package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"dora-exporter/catalog"
	"dora-exporter/config"
	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/dora/rules"
	"dora-exporter/enrichment"
	"dora-exporter/instrumentation"
	"dora-exporter/page"
	"dora-exporter/persistence/checkpoint"
	"dora-exporter/persistence/sqlstore"
	"dora-exporter/receivers"
)

// parts has the parts of the program.
type parts struct {
	store       *store
	clock       clock
	instruments *instrumentation.Instruments
	github      *enrichment.Accounts
	awaited     *awaiting
	metrics     *instrumentation.Handler
	processor   *pipeline.Processor
	lookups     *pipeline.Lookups
	evaluator   *pipeline.Evaluator
	days        *pipeline.Days
	projection  *pipeline.Projection
	// sleep waits between the calls of a backfill.
	sleep func(ctx context.Context, d time.Duration)
	// runner names this process among those that may carry out a backfill. It has started at a time of the store's clock.
	runner    string
	started   time.Time
	retention *pipeline.Retention
	// traces is nil if traces are off.
	traces *instrumentation.Traces
	// reader serves the pages; nil if they are off.
	reader *sqlstore.Reader
	server *server
	// catalogProblem returns what has to be changed in the configuration of the catalog; empty if nothing is known.
	catalogProblem func() string
	// catalogued returns the repositories that the catalog names, besides those of teams.
	catalogued func(ctx context.Context) ([]string, error)
	// flushLogs writes pending summaries to the log.
	flushLogs func()
}

// build makes all parts except the server.
func (p *parts) build(ctx context.Context, o *Options) error {
	c, logger := o.Config, o.Logger
	p.runner, p.sleep = uuid.NewString(), pipeline.Sleep
	var inaccessible []string
	err := p.store.whileAway(ctx, func() (err error) {
		inaccessible, err = p.useStore(ctx, o)
		return err
	})
	if err != nil {
		return err
	}
	p.started = p.clock.Now()
	p.instruments, err = instrumentation.New(instrumentation.Options{
		Families: dora.Families(), Started: p.store.Started, Unsigned: c.Unsigned(), Now: o.Machine.Wall,
		Version: o.Version, Revision: o.Revision, GoVersion: runtime.Version(),
		MaxSeries: c.Metrics.MaxSeries, Series: p.store.Series,
		Writes: func() (instrumentation.Writes, error) {
			w, err := p.store.Writes()
			return instrumentation.Writes(w), err
		},
		Backlog: p.backlog, WaitCurrent: func(ctx context.Context) error { return p.projection.WaitCurrent(ctx) }, Lag: func() int64 { return p.projection.Lag() },
		IsShared: p.store.isShared, Pools: p.pools(), Leases: p.leases(), UnclaimedLeases: p.unclaimedLeases(),
	})
	if err != nil {
		return err
	}
	if p.traces, err = p.startTraces(ctx, o); err != nil {
		return err
	}
	p.catalogProblem = func() string { return "" }
	p.catalogued = noRepositories
	teams, err := p.catalog(c, logger)
	if err != nil {
		return err
	}
	p.github, err = enrichment.NewAccounts(enrichment.AccountsOptions{
		Accounts: gitHubAccounts(&c.GitHub), Logger: logger,
		OnRequest: p.instruments.GitHubRequest, OnRateLimit: p.instruments.GitHubRateLimit, OnAuth: p.instruments.GitHubAuth, OnPause: p.instruments.GitHubPaused,
		OnInaccessible: p.instruments.GitHubInaccessible, Inaccessible: inaccessible,
		Transport: p.traces.Transport(enrichment.Route), Archive: p.store,
	})
	if err != nil {
		return err
	}
	p.addPipeline(o, teams)
	return nil
}

// useStore configures the store and starts its clock, and returns the repositories that were inaccessible. It may be called again after an
// error.
func (p *parts) useStore(ctx context.Context, o *Options) (inaccessible []string, err error) {
	if err := p.store.LimitBacklog(ctx, o.Config.Storage.MaxBacklog); err != nil {
		return nil, err
	}
	if p.clock, err = p.store.newClock(ctx, *o.Machine); err != nil {
		return nil, err
	}
	return p.store.InaccessibleRepositories(ctx)
}

// addPipeline makes the parts that turn deliveries into facts, and facts into values.
func (p *parts) addPipeline(o *Options, teams dora.Catalog) {
	c, logger := o.Config, o.Logger
	rules := &rules.Rules{
		Policy: c.Policy, StoreCreated: p.store.Created(), OnLate: p.instruments.Late, MaxSeries: c.Metrics.MaxSeries, Logger: logger, OnFolded: p.instruments.Folded,
		RedeploymentLabel: c.Metrics.RedeploymentLabel,
	}
	p.awaited = &awaiting{Enricher: p.github, store: p.store, accounts: c.GitHub.OwnerAccounts(), now: p.clock.Now}
	p.processor = &pipeline.Processor{
		Store: p.store, Catalog: teams, Environments: c.Environments, IssueTeams: dora.NewIssueTeams(c.Teams), Rules: rules, Logger: logger, MaxWait: c.Catalog.MaxWait, Now: p.clock.Now,
		OnTeamGivenUp: p.instruments.TeamGivenUp, Trace: p.traces.Steps(),
	}
	p.lookups = &pipeline.Lookups{
		Store: p.store, Enricher: p.awaited, Rules: rules, Logger: logger, GiveUp: c.GitHub.GiveUp, Now: p.clock.Now, Trace: p.traces.Steps(),
	}
	p.evaluator = &pipeline.Evaluator{
		Store: p.store, Enricher: p.awaited, Rules: rules, Logger: logger, GiveUp: c.GitHub.GiveUp, Now: p.clock.Now, Trace: p.traces.Steps(),
	}
	p.retention = &pipeline.Retention{Store: p.store, Rules: rules, Logger: logger, Keep: c.Storage.Retention, Now: o.Machine.Wall, OnRemoved: p.countRemoved}
	p.days = &pipeline.Days{Store: p.store, Policy: c.Policy, Logger: logger, AtOnce: 100}
	values := checkpoint.New(c.Storage.File.Path, p.store, dora.Families(), o.AcceptStore, logger)
	if c.Metrics.RedeploymentLabel {
		values.KeepOptionalLabels()
	}
	p.projection = &pipeline.Projection{
		Store: p.store, Recorder: p.instruments, Rules: rules, Logger: logger, Every: o.CheckpointInterval, Checkpoint: values,
		OnCheckpoint: func(err error) {
			if c.Storage.File.Path != "" {
				p.instruments.Checkpoint(o.Machine.Wall(), err)
			}
		},
	}
}

// countRemoved counts what a batch has removed.
func (p *parts) countRemoved(r dora.Removed) {
	for what, n := range map[string]int{"deliveries": r.Deliveries, "facts": r.Facts, "deployments": r.Deployments, "incidents": r.Incidents} {
		p.instruments.Removed(what, n)
	}
}

// backlog returns what waits in the store.
func (p *parts) backlog(ctx context.Context) (instrumentation.Backlog, error) {
	b, err := p.store.Backlog(ctx)
	if err != nil {
		return instrumentation.Backlog{}, err
	}
	now := p.clock.Now()
	e, err := p.store.WaitingEvaluations(ctx, now)
	all := instrumentation.Backlog{
		Deliveries: b.Deliveries, Oldest: b.Oldest, SetAside: b.SetAside, LookUps: b.LookUps, Evaluations: e.Waiting, EvaluationsDue: e.Due,
	}
	if !e.Oldest.IsZero() {
		all.EvaluationsAge = now.Sub(e.Oldest)
	}
	return all, err
}

func (p *parts) catalog(c *config.Config, logger *slog.Logger) (dora.Catalog, error) {
	static := catalog.NewStatic(c.Teams, c.GitHub.Owner)
	if c.Catalog.Mode != "backstage" {
		return static, nil
	}
	backstage, err := catalog.NewBackstage(catalog.Options{
		Endpoint: c.Catalog.Endpoint, Token: c.Catalog.Token, TTL: c.Catalog.CacheTTL, Logger: logger,
		OnLookup: p.instruments.CatalogLookup, Transport: p.traces.Transport(pathOf),
	})
	if err != nil {
		return nil, err
	}
	p.catalogProblem, p.catalogued = backstage.Problem, backstage.Repositories
	return catalog.Fallback{First: backstage, Second: static}, nil
}

func pathOf(r *http.Request) string { return r.URL.Path }

// listen makes the server and listens on its addresses.
func (p *parts) listen(ctx context.Context, o *Options) error {
	c, logger := o.Config, o.Logger
	var err error
	if p.metrics, err = p.instruments.Handler(); err != nil {
		return err
	}
	now := o.Machine.Wall
	var seen page.Requests
	inbox := newConflictInbox(p.store, p.store, p.instruments.Conflict, logger)
	webhooks := receivers.New(receivers.Options{
		Inbox: inbox, GitHub: gitHubSenders(&c.GitHub),
		Jira: receivers.JiraOptions{
			Secrets: c.Jira.WebhookSecret, Tokens: c.Jira.WebhookToken, TokenInURL: c.Jira.WebhookTokenInURL, TeamField: c.Jira.TeamField, EvidenceFields: c.Jira.EvidenceFields,
		},
		Logger: logger, Now: now,
		Observe: func(source, event, result string) {
			p.instruments.Delivery(source, event, result)
			seen.Count(result)
		},
		OnRefused:   func(source, result, why string) { seen.AddRefused(source, result, why, now()) },
		OnDuplicate: func(key string) { seen.AddDuplicate(key, now()) },
		Trace: func(ctx context.Context, r dora.WebhookRequest) context.Context {
			return p.traces.Request(ctx, r)
		},
	})
	e := endpoints{metrics: p.metrics, telemetryPath: o.TelemetryPath, ready: p.ready, catalogProblem: p.catalogProblem}
	if c.Server.Page == "on" {
		since := now()
		err = p.store.whileAway(ctx, func() (err error) {
			p.reader, err = openReader(ctx, c)
			return err
		})
		if err != nil {
			return err
		}
		e.page = newPages(p.reader, c.Policy, &seen, func() page.State { return p.state(o, since) }, now, logger)
	}
	p.flushLogs = func() { webhooks.Flush(); inbox.report.Flush() }
	p.server, err = newServer(ctx, c, o.Web, e, func(r gin.IRouter) { webhooks.Register(r) }, p.instruments, logger)
	return err
}

// ready returns why the program can't work; nil if the values are restored and deliveries can be stored, processed and counted.
func (p *parts) ready() error {
	if !p.instruments.Restored() {
		return errors.New("the values are being restored")
	}
	return errors.Join(p.store.Err(), p.processor.Err(), p.projection.Err())
}

func (p *parts) state(o *Options, since time.Time) page.State {
	state := page.State{Version: o.Version, Since: since, Unsigned: o.Config.Unsigned()}
	if err := p.ready(); err != nil {
		state.Trouble = err.Error()
	}
	return state
}
