package enrichment

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"dora-exporter/dora"
)

// appDescription is the answer to GET /app.
// https://docs.github.com/en/rest/apps/apps#get-the-authenticated-app
type appDescription struct {
	Slug   string   `json:"slug"`
	Events []string `json:"events"`
}

// appInstallation is an installation with what the owner has granted.
type appInstallation struct {
	ID      int64 `json:"id"`
	Account struct {
		Login string `json:"login"`
	} `json:"account"`
	SuspendedAt *time.Time        `json:"suspended_at"`
	Permissions map[string]string `json:"permissions"`
}

// appPermissions are the permissions that installations need, and what needs them.
var appPermissions = []struct {
	name, feature string
	optional      bool
}{
	{"metadata", "everything", false},
	{"contents", "durations, changes and lead times", false},
	{"pull_requests", "durations, changes and lead times", false},
	{"deployments", "webhooks of deployments, reading the history and what webhooks missed", true},
}

// inspectApp checks a GitHub App, its webhook, and its installations.
func (i *inspection) inspectApp(ctx context.Context, o Options) error {
	base, err := parseBaseURL(o.BaseURL)
	if err != nil {
		return err
	}
	i.subject = fmt.Sprintf("%s/app/%d", i.Account.Server(), i.Account.App.ID)
	o.complete()
	app, shared := newAppTransport(i.Account, base, o), newSharedMemory(nil)
	asApp := newGitHub(o, base, app.signed(), appToken{}, shared)
	described, answer := ask[appDescription](ctx, asApp, "/app")
	if i.inspectClock(); !i.inspectAnswer(answer) {
		return nil
	}
	i.pass("GitHub accepts the private key of the App %s", described.Slug)
	hooked := i.inspectAppHook(ctx, asApp, described.Events)
	installed, ok := i.listInstallations(ctx, asApp)
	if !ok {
		return nil
	}
	for _, owner := range i.missingOwners(installed) {
		i.fail("the App is not installed for "+owner, "install it there, or remove the owner from "+i.Account.Key+".owners")
	}
	for _, n := range installed {
		if owner := n.Account.Login; len(i.Account.Owners) == 0 || i.Account.Lists(owner) {
			token := newInstallationToken(app.source(n.ID))
			token.onRefused = func() {}
			i.inspectInstallation(ctx, n, newGitHub(o, base, app.plain, token, shared), hooked)
		}
	}
	return nil
}

// listInstallations returns all installations of the App.
func (i *inspection) listInstallations(ctx context.Context, asApp *GitHub) (all []appInstallation, ok bool) {
	for at := 1; at <= maxPages; at++ {
		listed, o := ask[[]appInstallation](ctx, asApp, routeInstallations+pageQuery(at))
		if o.err != nil {
			i.fail(o.err.Error(), "run the check again")
			return nil, false
		}
		if all = append(all, listed...); len(listed) < pageSize {
			break
		}
	}
	return all, true
}

// missingOwners returns the owners of the account, or of its repositories, for which the App is not installed.
func (i *inspection) missingOwners(installed []appInstallation) (missing []string) {
	owners := i.Account.Owners
	if len(owners) == 0 {
		owners = i.ownersOfRepositories()
	}
	for _, owner := range owners {
		if !slices.ContainsFunc(installed, func(n appInstallation) bool { return strings.EqualFold(n.Account.Login, owner) }) {
			missing = append(missing, owner)
		}
	}
	return missing
}

// inspectAppHook checks the App's own webhook. It reports whether that sends deployments here.
func (i *inspection) inspectAppHook(ctx context.Context, g *GitHub, events []string) bool {
	config, o := ask[hookConfig](ctx, g, "/app/hook/config")
	if o.err != nil || !config.isOurs() {
		return false
	}
	i.inspectHook(ctx, g, "the webhook of the App", hook{Active: true, Events: events, Config: config}, "/app/hook/deliveries")
	return true
}

// inspectInstallation checks an installation: what its owner has granted, its rate limit, a repository, and the webhooks unless the App has
// one.
func (i *inspection) inspectInstallation(ctx context.Context, n appInstallation, g *GitHub, hooked bool) {
	app := i.subject
	defer func() { i.subject = app }()
	owner := n.Account.Login
	i.subject = i.Account.Server() + "/" + strings.ToLower(owner)
	if n.SuspendedAt != nil {
		i.fail("the installation is suspended", "unsuspend it in the settings of "+owner)
		return
	}
	complete := true
	for _, p := range appPermissions {
		if n.Permissions[p.name] == "" {
			complete = false
			status := map[bool]string{true: dora.FindingWarning, false: dora.FindingFailed}[p.optional]
			i.add(status, fmt.Sprintf("the installation lacks the permission %s, which %s need", p.name, p.feature),
				"grant read access in the App's settings, and let "+owner+" accept it")
		}
	}
	limits, o := ask[rateLimits](ctx, g, routeRateLimit)
	if statusOf(o) != http.StatusNotFound && o.err != nil {
		i.fail(o.err.Error(), "run the check again")
		return
	}
	i.inspectLimits(limits)
	if repositories := i.repositoriesOf(owner); complete && len(repositories) > 0 {
		i.inspectPermissions(ctx, g, repositories[0], owner)
	} else if complete {
		i.pass("the installation has all permissions")
	}
	if !hooked {
		i.inspectHooks(ctx, g, owner, true)
	}
}
