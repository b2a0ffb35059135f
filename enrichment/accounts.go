package enrichment

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"dora-exporter/dora"
)

// Account is a credential for a GitHub server.
type Account struct {
	dora.Account
	// Key is its place in the configuration, for messages.
	Key string
	// Token is empty for unauthenticated calls, and with an App.
	Token string
	App   *App
	// CA has the certificates of the server's CA; nil for those of the system.
	CA *x509.CertPool
}

// App is a GitHub App, which acts as each of its installations.
type App struct {
	ID         int64
	PrivateKey *rsa.PrivateKey
}

// AccountsOptions configure Accounts. The functions are those of Options, with the name of the account: the host of its server, and the
// owner unless it is for all owners, such as github.com/acme.
type AccountsOptions struct {
	Accounts       []Account
	Logger         *slog.Logger
	Transport      func(inner http.RoundTripper) http.RoundTripper
	OnRequest      func(account, route, code string)
	OnRateLimit    func(account string, remaining, limit int)
	OnAuth         func(account string, failing bool)
	OnInaccessible func(account string, repositories int)
	OnPause        func(account, reason string)
	// Inaccessible are the repositories, as owner/name in lower case, that an earlier process found inaccessible.
	Inaccessible []string
	// Archive has what was read in bulk, so that GitHub is not asked for it; nil for none.
	Archive dora.Archive
}

// Accounts is a dora.Enricher that asks about each commit with the credential of its repository: it chooses the account by host and
// owner. Each credential has a rate limit and a gate of its own.
type Accounts struct {
	o       AccountsOptions
	owners  dora.Accounts
	clients []clients
	shared  sharedMemory
	// unserved are the repositories that no account is for.
	unserved *unservedRepositories

	mu sync.Mutex
	// expected are the repositories that an earlier process found inaccessible and that nothing was asked about since.
	expected map[string]bool
}

// clients has the clients of an account.
type clients interface {
	// client returns the client for the repositories of an owner, or the error of all calls for them.
	client(ctx context.Context, owner, repository string) (*GitHub, error)
	// all returns the clients that have been made.
	all() []*GitHub
}

var _ dora.Enricher = (*Accounts)(nil)

// noAccount is the name of the account of repositories that no account is for.
const noAccount = "none"

// NewAccounts returns the clients of all accounts. It makes no call; its errors are about the options.
func NewAccounts(o AccountsOptions) (*Accounts, error) {
	a := &Accounts{o: o, shared: newSharedMemory(o.Archive), expected: map[string]bool{}}
	for _, repository := range o.Inaccessible {
		a.expected[repository] = true
	}
	a.unserved = newUnserved(o.Logger, func(n int) { o.OnInaccessible(noAccount, n) })
	for _, account := range o.Accounts {
		c, err := a.newClients(account)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", account.Key, err)
		}
		a.owners, a.clients = append(a.owners, account.Account), append(a.clients, c)
	}
	return a, nil
}

func (a *Accounts) newClients(account Account) (clients, error) {
	if account.App != nil {
		return newInstallations(account, a.options, a.shared)
	}
	o := a.options(AccountName(account.Account))
	if len(a.o.Accounts) == 1 { // whose all repositories are
		o.Inaccessible, a.expected = a.o.Inaccessible, nil
	}
	o.BaseURL, o.Token, o.Key, o.CA = account.BaseURL, account.Token, account.Key+".token", account.CA
	g, err := New(o)
	if err != nil {
		return nil, err
	}
	g.sharedMemory, g.gate.pauseChanged, g.gate.yields = a.shared, a.shared.pauseChanged, len(a.o.Accounts) > 1
	return tokenClient{g}, nil
}

// AccountName returns the name of an account in metrics and findings.
func AccountName(a dora.Account) string {
	if len(a.Owners) == 0 {
		return a.Server()
	}
	return a.Server() + "/" + strings.ToLower(a.Owners[0])
}

// tokenClient is the only client of an account with a token.
type tokenClient struct{ *GitHub }

func (c tokenClient) client(context.Context, string, string) (*GitHub, error) { return c.GitHub, nil }

func (c tokenClient) all() []*GitHub { return []*GitHub{c.GitHub} }

// options returns the options of the client of an account with a name.
func (a *Accounts) options(name string) Options {
	o := Options{
		Transport:      a.o.Transport,
		OnRequest:      func(route, code string) { a.o.OnRequest(name, route, code) },
		OnRateLimit:    func(remaining, limit int) { a.o.OnRateLimit(name, remaining, limit) },
		OnAuth:         func(failing bool) { a.o.OnAuth(name, failing) },
		OnPause:        func(reason string) { a.o.OnPause(name, reason) },
		OnInaccessible: func(n int) { a.o.OnInaccessible(name, n) },
		Logger:         a.o.Logger,
	}
	if len(a.o.Accounts) > 1 || a.o.Accounts[0].App != nil {
		o.Logger = a.o.Logger.With("account", name)
	}
	o.OnAuth(false)
	o.OnPause("")
	o.OnInaccessible(0)
	return o
}

// Origin is that of dora.Enricher.
func (a *Accounts) Origin(ctx context.Context, c dora.Commit) (dora.Origin, error) {
	return a.client(ctx, c).Origin(ctx, c)
}

// PartialOrigin is that of dora.Enricher.
func (a *Accounts) PartialOrigin(ctx context.Context, c dora.Commit) (dora.Origin, error) {
	return a.client(ctx, c).PartialOrigin(ctx, c)
}

// Ship is that of dora.Enricher.
func (a *Accounts) Ship(ctx context.Context, c dora.Comparison) (dora.Shipment, map[string]dora.Origin, error) {
	return a.client(ctx, c.Head).Ship(ctx, c)
}

// client returns the client for a commit. Without an account for its repository, it is one whose calls fail.
func (a *Accounts) client(ctx context.Context, c dora.Commit) *GitHub {
	repository := repositoryKey(c.Owner, c.Repository)
	i, found := a.owners.Of(c.Host, c.Owner)
	if !found {
		return newUnavailable(a.unserved.add(c.Host, c.Owner, repository, unservedAccount))
	}
	g, err := a.clients[i].client(ctx, c.Owner, repository)
	if err != nil {
		return newUnavailable(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.expected[repository] {
		delete(a.expected, repository)
		g.gate.expectInaccessible([]string{repository})
	}
	return g
}

// Owners returns the owners that an account is for: those that it lists, else those that its GitHub App is installed for; none for a token that
// is for all owners.
func (a *Accounts) Owners(ctx context.Context, account int) ([]string, error) {
	in, isApp := a.clients[account].(*installations)
	if listed := a.owners[account].Owners; len(listed) > 0 || !isApp {
		return listed, nil
	}
	return in.owners(ctx)
}

const unservedAccount = "no account of the configuration is for an owner on a server: its deployments wait. " +
	"Add the owner to owners of the server's account, or an account with base_url and owners, under github.accounts, and restart"

// unservedRetry is the time until a repository that no credential is for is tried again.
const unservedRetry = time.Minute
