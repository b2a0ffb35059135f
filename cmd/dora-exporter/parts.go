package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"time"

	"github.com/gin-gonic/gin"

	"dora-exporter/catalog"
	"dora-exporter/dora"
	"dora-exporter/enrichment"
	"dora-exporter/instrumentation"
	"dora-exporter/persistence"
	"dora-exporter/receivers"
)

// parts are what the program consists of.
type parts struct {
	store       *persistence.Store
	instruments *instrumentation.Instruments
	processor   *dora.Processor
	jobs        *dora.Jobs
	settler     *dora.Settler
	projection  *dora.Projection
	// traces is nil when nothing is followed.
	traces *instrumentation.Traces
	// reader is that of the pages; nil without them.
	reader *persistence.Reader
	server *server
	// flushLogs logs what has been summed up.
	flushLogs func()
}

// build makes the parts behind the webhooks.
func (p *parts) build(ctx context.Context, c *Config, acceptStore bool, logger *slog.Logger) error {
	err := p.store.LimitBacklog(ctx, c.Storage.MaxBacklog)
	if err != nil {
		return err
	}
	p.instruments, err = instrumentation.New(instrumentation.Options{
		Families: dora.Families(), Started: p.store.Started, Unsigned: c.unsigned(), Now: time.Now,
		Version: version, Revision: revision, GoVersion: runtime.Version(),
		MaxSeries: c.Metrics.MaxSeries, Series: p.store.Series,
		Backlog: func(ctx context.Context) (instrumentation.Backlog, error) {
			b, err := p.store.Backlog(ctx)
			return instrumentation.Backlog(b), err
		},
	})
	if err != nil {
		return err
	}
	if p.traces, err = p.startTraces(ctx, &c.OTLP, logger); err != nil {
		return err
	}
	teams, err := p.catalog(c, logger)
	if err != nil {
		return err
	}
	github, err := enrichment.New(enrichment.Options{
		BaseURL: c.GitHub.BaseURL, Token: c.GitHub.Token, Logger: logger,
		OnRequest: p.instruments.GitHubRequest, OnRateLimit: p.instruments.GitHubRateLimit, OnAuth: p.instruments.GitHubAuth,
		Transport: p.traces.Transport(enrichment.Route),
	})
	if err != nil {
		return err
	}
	rules := &dora.Rules{Policy: c.Policy, OnLate: p.instruments.Late, MaxSeries: c.Metrics.MaxSeries, Logger: logger, OnFolded: p.instruments.Folded}
	p.processor = &dora.Processor{
		Store: p.store, Catalog: teams, Environments: c.Environments, Rules: rules, Logger: logger, MaxWait: c.Catalog.MaxWait, Now: time.Now,
		OnTeamGivenUp: p.instruments.TeamGivenUp, Trace: p.traces.Steps(),
	}
	p.jobs = &dora.Jobs{Store: p.store, Enricher: github, Rules: rules, Logger: logger, Now: time.Now, Trace: p.traces.Steps()}
	p.settler = &dora.Settler{Store: p.store, Enricher: github, Rules: rules, Logger: logger, Now: time.Now, Trace: p.traces.Steps()}
	p.projection = &dora.Projection{
		Store: p.store, Recorder: p.instruments, Rules: rules, Logger: logger, Every: checkpointEvery,
		Checkpoint:   persistence.NewCheckpoint(c.Storage.File.Path, p.store, dora.Families(), acceptStore, logger),
		OnCheckpoint: func(err error) { p.instruments.Checkpoint(time.Now(), err) },
	}
	return nil
}

func (p *parts) catalog(c *Config, logger *slog.Logger) (dora.Catalog, error) {
	if c.Catalog.Mode == "backstage" {
		return catalog.NewBackstage(catalog.Options{
			Endpoint: c.Catalog.Endpoint, Token: c.Catalog.Token, TTL: c.Catalog.CacheTTL, Logger: logger,
			OnLookup: p.instruments.CatalogLookup, Transport: p.traces.Transport(pathOf),
		})
	}
	return catalog.NewStatic(c.Teams, c.GitHub.Owner), nil
}

func pathOf(r *http.Request) string { return r.URL.Path }

// listen opens the addresses with everything mounted.
func (p *parts) listen(ctx context.Context, c *Config, web *webConfig, logger *slog.Logger) error {
	metrics, err := p.instruments.Handler()
	if err != nil {
		return err
	}
	var seen requests
	inbox := newConflicts(p.store, p.store, p.instruments.Conflict, logger)
	webhooks := receivers.New(receivers.Options{
		Inbox: inbox, GitHubSecrets: c.GitHub.WebhookSecret, JiraSecrets: c.Jira.WebhookSecret,
		Logger: logger, Now: time.Now,
		Observe: func(source, event, result string) {
			p.instruments.Delivery(source, event, result)
			seen.observe(result)
		},
		OnRefused:   func(source, result, why string) { seen.refuse(source, result, why, time.Now()) },
		OnDuplicate: func(key string) { seen.repeat(key, time.Now()) },
		Trace: func(ctx context.Context, r receivers.Request) context.Context {
			return p.traces.Request(ctx, instrumentation.Request(r))
		},
	})
	e := endpoints{metrics: metrics, ready: p.ready}
	if c.Server.Page == "on" {
		since := time.Now()
		if p.reader, err = persistence.OpenReader(ctx, c.Storage.Database); err != nil {
			return err
		}
		e.people = newPages(p.reader, c.Policy, &seen, func() pageState { return p.state(c, since) }, time.Now, logger)
	}
	p.flushLogs = func() { webhooks.Flush(); inbox.report.Flush() }
	p.server, err = open(ctx, c, web, e, func(r gin.IRouter) { webhooks.Register(r) }, p.instruments, logger)
	return err
}

// ready is nil when the values are restored and what arrives can be processed and kept.
func (p *parts) ready() error {
	if !p.instruments.Restored() {
		return errors.New("the values are being restored")
	}
	return errors.Join(p.store.Err(), p.processor.Err(), p.projection.Err())
}

func (p *parts) state(c *Config, since time.Time) pageState {
	state := pageState{Version: version, Since: since, Unsigned: c.unsigned()}
	if err := p.ready(); err != nil {
		state.Trouble = err.Error()
	}
	return state
}
