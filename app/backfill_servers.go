package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dora-exporter/config"
	"dora-exporter/dora"
)

// wantedRepositories are the repositories that a backfill reads, by the hosts of the servers' APIs.
type wantedRepositories struct {
	accounts dora.Accounts
	// hosts are in the order of the accounts.
	hosts  []string
	byHost map[string][]string
	// unlisted are the indexes of accounts whose owners could not be listed, by host.
	unlisted map[string][]int
}

func newWanted(c *config.Config) *wantedRepositories {
	w := &wantedRepositories{accounts: c.GitHub.OwnerAccounts(), byHost: map[string][]string{}, unlisted: map[string][]int{}}
	for _, a := range w.accounts {
		if host := dora.Host(a.BaseURL); !slices.Contains(w.hosts, host) {
			w.hosts = append(w.hosts, host)
		}
	}
	return w
}

// add adds a repository: owner/name or host/owner/name, with * as the name for all of the owner. Without a host it is read from the servers of
// the accounts that list its owner, else from those of accounts for all owners. It returns false if no account is for it.
func (w *wantedRepositories) add(name string) (added bool) {
	if strings.Count(name, "/") == 2 {
		host, name, _ := strings.Cut(name, "/")
		for _, known := range w.hosts {
			if dora.GitHubHost(known) == dora.GitHubHost(strings.ToLower(host)) {
				w.addTo(known, name)
				added = true
			}
		}
		return added
	}
	owner, _, _ := strings.Cut(name, "/")
	listed := slices.ContainsFunc(w.accounts, func(a dora.Account) bool { return a.Lists(owner) })
	for _, a := range w.accounts {
		if a.Lists(owner) || !listed && len(a.Owners) == 0 {
			w.addTo(dora.Host(a.BaseURL), name)
			added = true
		}
	}
	return added
}

func (w *wantedRepositories) addTo(host, name string) {
	if !slices.ContainsFunc(w.byHost[host], func(known string) bool { return strings.EqualFold(known, name) }) {
		w.byHost[host] = append(w.byHost[host], name)
	}
}

// NamedRepositories returns the repositories that a request or a team names, as owner/name, perhaps with host/ before it: a backfill that can't read
// one of them has failed. It leaves out those of teams that may be on one of several servers.
func NamedRepositories(c *config.Config, r BackfillRequest) []string {
	named := slices.Clone(r.Repositories)
	for _, name := range teamRepositories(c) {
		w := newWanted(c)
		if w.add(name); len(w.byHost) == 1 {
			named = append(named, name)
		}
	}
	return named
}

// wantedOf returns the repositories with these names; without names those of teams and of Backstage, and all of github.owner and of the
// owners that the accounts are for. A server that does not list its owners does not keep the others from being read, nor does an account whose
// credential is refused.
func (p *parts) wantedOf(ctx context.Context, c *config.Config, names []string) (*wantedRepositories, error) {
	w := newWanted(c)
	for _, name := range names {
		if !w.add(name) {
			return nil, fmt.Errorf("no account is for %s: add its owner to owners of an account under github.accounts, or an account with the server's base_url", name)
		}
	}
	if len(names) > 0 {
		return w, nil
	}
	refused := new(dora.RefusedError)
	for i, a := range w.accounts {
		host := dora.Host(a.BaseURL)
		owners, err := p.github.Owners(ctx, i)
		switch {
		case err != nil && (ctx.Err() != nil || len(w.hosts) == 1 && (len(w.accounts) == 1 || !errors.As(err, &refused))):
			return nil, err
		case err != nil:
			w.unlisted[host] = append(w.unlisted[host], i)
		}
		for _, owner := range owners {
			w.addTo(host, owner+"/*")
		}
	}
	if c.GitHub.Owner != "" {
		w.add(c.GitHub.Owner + "/*")
	}
	for _, name := range teamRepositories(c) {
		w.add(name)
	}
	catalogued, err := p.catalogued(ctx)
	for _, name := range catalogued {
		w.add(name)
	}
	return w, err
}

// ownersOf returns the owners that some accounts are for, also if others fail.
func (p *parts) ownersOf(ctx context.Context, accounts []int) (all []string, err error) {
	var failed []error
	for _, i := range accounts {
		owners, err := p.github.Owners(ctx, i)
		all, failed = append(all, owners...), append(failed, err)
	}
	return all, errors.Join(failed...)
}
