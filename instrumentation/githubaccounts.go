package instrumentation

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel/attribute"
)

// gitHubAccounts has the states of the accounts for the GitHub API by their names.
type gitHubAccounts struct {
	mu  sync.Mutex
	all map[string]*gitHubAccount
}

// gitHubAccount is the state of an account. The fields are nil while nothing is known.
type gitHubAccount struct {
	remaining, limit, inaccessible *int
	failing                        *bool
	pauseReason                    *string
}

// set changes the state of an account.
func (a *gitHubAccounts) set(name string, change func(*gitHubAccount)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all == nil {
		a.all = map[string]*gitHubAccount{}
	}
	if a.all[name] == nil {
		a.all[name] = &gitHubAccount{}
	}
	change(a.all[name])
}

// observe sets the gauges of all accounts.
func (a *gitHubAccounts) observe(set func(name string, value float64, kvs ...attribute.KeyValue)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, state := range a.all {
		account := attribute.String("account", name)
		for gauge, value := range map[string]*int{
			"dora_exporter.github.rate_limit_remaining": state.remaining, "dora_exporter.github.rate_limit": state.limit,
			"dora_exporter.github.inaccessible_repositories": state.inaccessible,
		} {
			if value != nil {
				set(gauge, float64(*value), account)
			}
		}
		if state.failing != nil {
			set("dora_exporter.github.auth_failing", boolValue(*state.failing), account)
		}
		if state.pauseReason == nil {
			continue
		}
		for _, reason := range []string{"failing", "rate_limit", "refused"} {
			set("dora_exporter.github.paused", boolValue(reason == *state.pauseReason), account, attribute.String("reason", reason))
		}
	}
}

// GitHubRequest counts a request to the GitHub API by account, route and status code, or "error".
func (o *SelfMetrics) GitHubRequest(account, route, code string) {
	o.githubRequests.Add(context.Background(), 1, o.gitHubLabels.of(account, route, code))
}

// GitHubRateLimit sets how many requests GitHub still allows an account in its window, and the limit; 0 if GitHub does not send one.
func (o *SelfMetrics) GitHubRateLimit(account string, remaining, limit int) {
	o.gitHub.set(account, func(a *gitHubAccount) {
		a.remaining = &remaining
		if limit > 0 {
			a.limit = &limit
		}
	})
}

// GitHubAuth sets whether GitHub refuses the credential of an account.
func (o *SelfMetrics) GitHubAuth(account string, failing bool) {
	o.gitHub.set(account, func(a *gitHubAccount) { a.failing = &failing })
}

// GitHubPaused sets why the calls of an account to the GitHub API are paused: failing, rate_limit or refused; empty if they are not.
func (o *SelfMetrics) GitHubPaused(account, reason string) {
	o.gitHub.set(account, func(a *gitHubAccount) { a.pauseReason = &reason })
}

// GitHubInaccessible sets how many repositories an account may not see.
func (o *SelfMetrics) GitHubInaccessible(account string, repositories int) {
	o.gitHub.set(account, func(a *gitHubAccount) { a.inaccessible = &repositories })
}
