package enrichment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"dora-exporter/dora"
)

// Hooks makes the calls about the webhooks of an account: those of its owners, of their repositories, and of its GitHub App.
// https://docs.github.com/en/rest/orgs/webhooks, https://docs.github.com/en/rest/repos/webhooks, https://docs.github.com/en/rest/apps/webhooks
type Hooks struct {
	accounts *Accounts
	account  int
}

// Hooks returns the webhooks of the account with an index.
func (a *Accounts) Hooks(account int) Hooks { return Hooks{a, account} }

// Available returns why no call can be made for an owner, such as that its installation of the GitHub App is suspended; nil if calls can be
// made.
func (h Hooks) Available(ctx context.Context, owner string) error {
	_, err := h.accounts.clients[h.account].client(ctx, owner, "")
	return err
}

// OfApp returns the webhook of the account's GitHub App; none if the account has no App, or that sends no statuses of deployments to an
// exporter. GitHub does not tell whether it is active.
func (h Hooks) OfApp(ctx context.Context) ([]dora.Hook, error) {
	app, ok := h.accounts.clients[h.account].(*installations)
	if !ok {
		return nil, nil
	}
	var config described[hookConfig]
	if _, err := app.asApp.askHooks(ctx, "/app/hook/config", "/app/hook/config", &config); err != nil || !config.value.isOurs() {
		return nil, err
	}
	var description described[appDescription]
	if _, err := app.asApp.askHooks(ctx, "/app", "/app", &description); err != nil {
		return nil, err
	}
	if found := (hook{Events: description.value.Events}); !found.sendsStatuses() {
		return nil, nil
	}
	return []dora.Hook{{Path: appHook}}, nil
}

// appHook is the path of the webhook of a GitHub App.
const appHook = "/app/hook"

// OfOwner returns the active webhooks of an organisation that send statuses of deployments to an exporter.
func (h Hooks) OfOwner(ctx context.Context, owner string) ([]dora.Hook, error) {
	return h.list(ctx, owner, "/orgs/{org}/hooks", "/orgs/"+url.PathEscape(owner)+"/hooks")
}

// OfRepository returns those of a repository.
func (h Hooks) OfRepository(ctx context.Context, owner, name string) ([]dora.Hook, error) {
	return h.list(ctx, owner, "/repos/{owner}/{repo}/hooks", "/repos/"+url.PathEscape(owner)+"/"+url.PathEscape(name)+"/hooks")
}

func (h Hooks) list(ctx context.Context, owner, route, path string) (ours []dora.Hook, err error) {
	g, err := h.client(ctx, owner, path)
	if err != nil {
		return nil, err
	}
	for number := 1; number != 0; {
		var listed described[[]hook]
		p, err := g.askHooks(ctx, route, path+pageQuery(number), &listed)
		if err != nil {
			return nil, err
		}
		for _, found := range listed.value {
			if found.Active && found.Config.isOurs() && found.sendsStatuses() {
				ours = append(ours, dora.Hook{Path: fmt.Sprintf("%s/%d", path, found.ID), Changed: later(found.Created, found.Updated)})
			}
		}
		number = p.nextAfter(number)
	}
	return ours, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// client returns the client for a webhook of an owner, or of the App.
func (h Hooks) client(ctx context.Context, owner, path string) (*GitHub, error) {
	c := h.accounts.clients[h.account]
	if app, ok := c.(*installations); ok && strings.HasPrefix(path, appHook) {
		return app.asApp, nil
	}
	return c.client(ctx, owner, "")
}

// Deliveries returns a page of the attempts of a webhook to deliver, the newest first, and the cursor of the next page, empty after the last
// one. owner is the one that the webhook belongs to; empty for that of an App.
func (h Hooks) Deliveries(ctx context.Context, owner, hook, cursor string) (page []dora.HookDelivery, next string, err error) {
	g, err := h.client(ctx, owner, hook)
	if err != nil {
		return nil, "", err
	}
	query := url.Values{"per_page": {fmt.Sprint(pageSize)}}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	var listed described[[]dora.HookDelivery]
	p, err := g.askHooks(ctx, routeOfHook(hook)+"/deliveries", hook+"/deliveries?"+query.Encode(), &listed)
	return listed.value, p.cursor, err
}

// Payload returns what an attempt has sent; nothing if GitHub does not have it any more.
func (h Hooks) Payload(ctx context.Context, owner, hook string, delivery int64) ([]byte, error) {
	g, err := h.client(ctx, owner, hook)
	if err != nil {
		return nil, err
	}
	var found described[struct {
		Request struct {
			Payload json.RawMessage `json:"payload"`
		} `json:"request"`
	}]
	_, err = g.askHooks(ctx, routeOfHook(hook)+"/deliveries/{delivery_id}", fmt.Sprintf("%s/deliveries/%d", hook, delivery), &found)
	payload := found.value.Request.Payload
	if text := string(payload); text == "null" || text == "{}" || text == `""` {
		return nil, err
	}
	return payload, err
}

// Redeliver makes GitHub deliver again what an attempt has sent.
func (h Hooks) Redeliver(ctx context.Context, owner, hook string, delivery int64) error {
	g, err := h.client(ctx, owner, hook)
	if err != nil {
		return err
	}
	path := fmt.Sprintf("%s/deliveries/%d/attempts", hook, delivery)
	return g.callHooks(func() outcome {
		timed, cancel := context.WithTimeout(withRoute(ctx, routeOfHook(hook)+"/deliveries/{delivery_id}/attempts"), g.timeout)
		defer cancel()
		req, err := http.NewRequestWithContext(timed, http.MethodPost, g.base.JoinPath(path).String(), http.NoBody)
		if err != nil {
			return outcome{kind: failed, err: err}
		}
		req.Header.Set("User-Agent", userAgent)
		resp, err := g.http.Do(req)
		if err != nil {
			return g.noAnswer(ctx, timed, req, err)
		}
		defer resp.Body.Close()
		if resp.StatusCode/100 == 2 {
			return outcome{kind: answered, wait: exhaustedWait(resp.Header, time.Now())}
		}
		kind, wait := classifyError(resp.StatusCode, resp.Header, nil, time.Now())
		return outcome{kind: kind, wait: wait, err: &statusError{req.Method, req.URL, resp.StatusCode, ""}}
	})
}

// routeOfHook returns the route of a webhook's path.
func routeOfHook(path string) string {
	switch {
	case strings.HasPrefix(path, "/orgs/"):
		return "/orgs/{org}/hooks/{hook_id}"
	case strings.HasPrefix(path, "/repos/"):
		return "/repos/{owner}/{repo}/hooks/{hook_id}"
	}
	return appHook
}

// askHooks makes a call about webhooks. Its error is a *dora.LimitedError at a rate limit, and has dora.ErrNoHooks if the same call would
// fail again.
func (g *GitHub) askHooks(ctx context.Context, route, path string, into answer) (p page, err error) {
	err = g.callHooks(func() (o outcome) {
		lease := g.answers.Lease()
		defer lease.Release()
		p, o = g.send(ctx, route, path, into, lease)
		return o
	})
	return p, err
}

// callHooks makes a call unless the gate is closed. It tells the gate of rate limits alone: that the credential may not read webhooks says
// nothing about the other calls.
func (g *GitHub) callHooks(call func() outcome) error {
	if g.unavailable != nil {
		return g.unavailable
	}
	if err := g.gate.closedError(); err != nil {
		return err
	}
	o := call()
	if o.kind == limited || o.wait > 0 {
		g.gate.reportLimit(o)
	}
	var s *statusError
	switch {
	case o.kind == limited:
		return &dora.LimitedError{Wait: o.wait, Err: o.err}
	case (o.kind != refused || g.isAnonymous()) && errors.As(o.err, &s) && s.status/100 == 4:
		return fmt.Errorf("%w: %w", dora.ErrNoHooks, o.err)
	}
	return o.err
}

// isAnonymous reports whether calls are made without a token.
func (g *GitHub) isAnonymous() bool { return g.credential == fixedToken("") }

// closedError returns an error while the gate is closed and its time has not come.
func (g *gate) closedError() error {
	g.mu.Lock()
	reason, left := g.closedReason, time.Until(g.until)
	g.mu.Unlock()
	if reason == "" || left <= 0 {
		return nil
	}
	return g.pausedError(left)
}

// reportLimit closes the gate if a call that did not wait at it has met the rate limit, or has used up what was left.
func (g *gate) reportLimit(o outcome) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if o.wait > 0 {
		g.close(pauseRateLimit, o.wait, o.err)
	} else if g.closedReason == "" {
		g.limit(o.err)
	}
}
