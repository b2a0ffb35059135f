package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"dora-exporter/config"
	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/history"
	"dora-exporter/receivers"
)

// BackfillRequest says what a backfill reads.
type BackfillRequest = history.Request

// BackfillProgress is how far a backfill is.
type BackfillProgress = history.Progress

// BackfillPlan is what a backfill would read.
type BackfillPlan = history.Plan

// jiraTimeout limits a call of Jira.
const jiraTimeout = time.Minute

// settledWait is the time between two looks at whether everything that a backfill brought has been evaluated.
const settledWait = 250 * time.Millisecond

// Backfill reads what happened before the exporter was installed and processes it, without a server. It returns when everything has been
// evaluated. If something was left out, its error says how to go on.
func Backfill(ctx context.Context, o Options, r BackfillRequest, onProgress func(BackfillProgress)) (made BackfillProgress, err error) {
	a, err := openParts(ctx, o)
	if err != nil {
		return made, err
	}
	made, err = a.backfill(ctx, r, onProgress, func(history.Servers) {})
	return made, errors.Join(err, a.Close())
}

// backfill makes a backfill, without a server. It calls follow before anything is read.
func (a *App) backfill(ctx context.Context, r BackfillRequest, onProgress func(BackfillProgress), follow func(history.Servers)) (made BackfillProgress, err error) {
	if err := a.projection.Restore(ctx); err != nil {
		return made, err
	}
	stop := a.process(ctx, func(context.Context) {})
	defer func() { err = errors.Join(err, stop()) }()
	b, err := a.newBackfill(ctx, &a.options, r, onProgress)
	if err != nil {
		return made, err
	}
	follow(b)
	if made, err = b.Run(ctx); err == nil || len(history.Unanswered(err)) > 0 {
		err = errors.Join(err, a.waitUntilSettled(ctx, func(left int) {
			if onProgress != nil {
				now := made
				now.Unsettled = left
				onProgress(now)
			}
		}))
	}
	if ctx.Err() != nil {
		err = errInterrupted
	}
	return made, err
}

// errInterrupted is the error of a backfill whose context has ended.
var errInterrupted = errors.New("interrupted: the next backfill goes on where this one was, and a server processes what was read")

// newBackfill makes a backfill of the configured repositories and projects, unless it names others.
func (p *parts) newBackfill(ctx context.Context, o *Options, r BackfillRequest, onProgress func(BackfillProgress)) (all history.Servers, err error) {
	c := o.Config
	if len(r.Sources) == 0 {
		r.Sources = []string{dora.GitHub, dora.Jira}
	}
	wanted := &wantedRepositories{}
	if slices.Contains(r.Sources, dora.GitHub) {
		if wanted, err = p.wantedOf(ctx, c, r.Repositories); err != nil {
			return nil, err
		}
	}
	readsIssues := c.Jira.BaseURL != "" && slices.Contains(r.Sources, dora.Jira)
	for _, host := range wanted.hosts {
		unlisted := wanted.unlisted[host]
		if r.Repositories = wanted.byHost[host]; len(r.Repositories)+len(unlisted) == 0 {
			continue
		}
		b := p.backfillOf(o, host, r, onProgress)
		if len(unlisted) > 0 {
			b.Owners = func(ctx context.Context) ([]string, error) { return p.ownersOf(ctx, unlisted) }
		}
		all = append(all, b)
	}
	if readsIssues {
		r.Repositories, r.Sources = nil, []string{dora.Jira}
		issues := p.backfillOf(o, "", r, onProgress)
		issues.Issues = newIssues(c, o.Logger)
		all = append(all, issues)
	}
	if len(all) == 0 {
		return nil, errors.New("nothing to read: set github.owner, owners of an account under github.accounts, or the repositories of teams, or name some with -repo, " +
			"since a token does not tell whose repositories are meant; for incidents, set jira.base_url")
	}
	return all, nil
}

// backfillOf makes a backfill from a server with the host of its API.
func (p *parts) backfillOf(o *Options, host string, r BackfillRequest, onProgress func(BackfillProgress)) *history.Backfill {
	return &history.Backfill{
		Request: r, GitHub: p.github.Server(host), Store: p.store, DecodeDeployment: receivers.DecodeDeployment, Host: host,
		NeedsFlags: needsFlags(o.Config), Labels: len(o.Config.Policy.HotfixLabels.Patterns()) > 0, Logger: o.Logger, Now: o.Machine.Wall,
		Sleep: p.sleep, OnProgress: onProgress,
	}
}

// needsFlags returns a function that reports whether GitHub's flags of an environment are needed.
func needsFlags(c *config.Config) func(environment string) bool {
	return func(environment string) bool { return c.Environments.NeedsFlags(c.Policy, environment) }
}

// newIssues returns a client that reads the issues; nil if jira.base_url is not set.
func newIssues(c *config.Config, logger *slog.Logger) *history.Jira {
	if c.Jira.BaseURL == "" {
		return nil
	}
	return &history.Jira{
		BaseURL: c.Jira.BaseURL, User: c.Jira.User, Token: c.Jira.Token, JQL: issueQuery(c), TeamField: c.Jira.TeamField,
		Decode: receivers.NewIssueDecoder(receivers.JiraOptions{TeamField: c.Jira.TeamField, EvidenceFields: c.Jira.EvidenceFields}, logger),
		Client: &http.Client{Timeout: jiraTimeout}, Logger: logger, Sleep: pipeline.Sleep,
	}
}

// issueQuery returns the JQL of the issues that may be incidents: jira.jql, else those of the projects that are known.
func issueQuery(c *config.Config) string {
	projects := slices.Clone(c.Policy.Incidents.Projects)
	for _, team := range c.Teams {
		projects = append(projects, team.Projects...)
	}
	switch {
	case c.Jira.JQL != "":
		return c.Jira.JQL
	case len(projects) == 0:
		return "project is not EMPTY"
	}
	var quoted []string
	for _, project := range projects {
		quoted = append(quoted, strconv.Quote(project))
	}
	return "project in (" + strings.Join(quoted, ", ") + ")"
}

// waitUntilSettled returns when nothing is left to be processed, looked up or evaluated. Until then it calls onLeft with how much is left.
func (p *parts) waitUntilSettled(ctx context.Context, onLeft func(left int)) error {
	for {
		backlog, err := p.backlog(ctx)
		left := backlog.Deliveries + backlog.LookUps + backlog.Evaluations
		if err != nil || left == 0 {
			return err
		}
		onLeft(left)
		pipeline.Sleep(ctx, settledWait)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}
