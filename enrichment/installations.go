package enrichment

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"dora-exporter/dora"
)

const (
	// listInterval is the least time between two lists of a GitHub App's installations.
	listInterval = time.Minute

	notInstalled = "the GitHub App is not installed for an owner: its deployments wait, will retry every minute. " +
		"Install it there, or add an account for the owner under github.accounts"
	suspended = "the installation of the GitHub App for an owner is suspended: its deployments wait, will retry every minute. " +
		"Unsuspend it in the settings of the owner"
)

// installations are those of a GitHub App, each with a client of its own: GitHub limits the calls of each. They are listed when the App
// has to act for an owner that it is not known to be installed for, or when GitHub gives no token for an installation.
type installations struct {
	app      *appTransport
	options  func(name string) Options
	shared   sharedMemory
	unserved *unservedRepositories
	// asApp makes the calls as the App itself.
	asApp *GitHub
	o     Options

	fetch singleflight.Group
	mu    sync.Mutex
	// byOwner are the installations by owner in lower case; nil before the first list.
	byOwner map[string]*installation
	// due is when they may be listed again. err is the error of the last list, failures the number of errors in a row.
	due      time.Time
	err      error
	failures int
}

// installation is one of a GitHub App.
type installation struct {
	id        int64
	suspended bool
	// stale is true if GitHub has given no token for it since the last list.
	stale bool
	// client is nil until it is used.
	client *GitHub
}

func newInstallations(account Account, options func(name string) Options, shared sharedMemory) (*installations, error) {
	base, err := parseBaseURL(account.BaseURL)
	if err != nil {
		return nil, err
	}
	o := options(fmt.Sprintf("%s/app/%d", account.Server(), account.App.ID))
	o.Key = account.Key + ".app.private_key_file"
	o.complete()
	in := &installations{options: options, shared: shared, o: o, unserved: newUnserved(o.Logger, o.OnInaccessible)}
	in.app = newAppTransport(account, base, o)
	in.asApp = newGitHub(o, base, in.app.signed(), appToken{}, shared)
	in.asApp.pauseName = fmt.Sprintf("%s app %d", base.Host, account.App.ID)
	return in, nil
}

// client implements clients.
func (in *installations) client(ctx context.Context, owner, repository string) (*GitHub, error) {
	if g := in.usable(owner); g != nil {
		return g, nil
	}
	in.refresh(ctx)
	if g := in.usable(owner); g != nil {
		return g, nil
	}
	return nil, in.why(owner, repository)
}

// usable returns the client of the installation for an owner; nil if there is none that works.
func (in *installations) usable(owner string) *GitHub {
	in.mu.Lock()
	defer in.mu.Unlock()
	i := in.byOwner[strings.ToLower(owner)]
	if i == nil || i.suspended || i.stale {
		return nil
	}
	if i.client == nil {
		i.client = in.newClient(strings.ToLower(owner), i)
	}
	return i.client
}

func (in *installations) newClient(owner string, i *installation) *GitHub {
	o := in.options(in.app.server + "/" + owner)
	o.Key = in.o.Key
	o.complete()
	token := newInstallationToken(in.app.source(i.id))
	token.onRefused = func() {
		in.mu.Lock()
		defer in.mu.Unlock()
		i.stale = true
	}
	g := newGitHub(o, in.app.base, in.app.plain, token, in.shared)
	g.gate.yields, g.gate.ofApp = true, true
	g.pauseName = fmt.Sprintf("%s installation %d", in.app.base.Host, i.id)
	return g
}

// all implements clients.
func (in *installations) all() []*GitHub {
	in.mu.Lock()
	defer in.mu.Unlock()
	all := []*GitHub{in.asApp}
	for _, i := range in.byOwner {
		if i.client != nil {
			all = append(all, i.client)
		}
	}
	return all
}

// why returns the error of calls for a repository whose owner has no installation that works.
func (in *installations) why(owner, repository string) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	i := in.byOwner[strings.ToLower(owner)]
	switch {
	case i != nil && i.suspended:
		return in.unserved.add(in.app.server, owner, repository, suspended)
	case i == nil && in.byOwner != nil && in.err == nil:
		return in.unserved.add(in.app.server, owner, repository, notInstalled)
	}
	err := in.err
	if err == nil {
		err = fmt.Errorf("GitHub gives no token for the installation for %s", owner)
	}
	return &dora.PausedError{Err: err, RetryIn: max(time.Until(in.due), time.Second)}
}

// refresh lists the installations if that is due. Concurrent callers share the calls.
func (in *installations) refresh(ctx context.Context) {
	_, _, _ = in.fetch.Do("", func() (any, error) {
		in.refreshOnce(ctx)
		return nil, nil
	})
}

func (in *installations) refreshOnce(ctx context.Context) {
	in.mu.Lock()
	due := time.Until(in.due) <= 0
	in.mu.Unlock()
	if !due {
		return
	}
	listed, o := in.list(ctx)
	if o.kind == abandoned {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if o.err != nil {
		in.failed(o)
		return
	}
	if in.err != nil {
		in.o.OnAuth(false)
		in.o.Logger.Info("GitHub lists the installations of the App again")
	}
	in.err, in.failures, in.due = nil, 0, time.Now().Add(listInterval)
	in.update(listed)
}

// failed records that the installations could not be listed, and logs that once.
func (in *installations) failed(o outcome) {
	in.failures++
	wait := max(dora.Backoff(in.failures), o.wait)
	if o.kind == refused || o.kind == denied {
		in.o.OnAuth(true)
		wait = refusedRetry
	}
	in.due = time.Now().Add(wait)
	if in.err == nil {
		in.o.Logger.Error("GitHub does not list the installations of the App, their calls wait, will retry: check the App's id, the private key and the clock of this machine",
			"key", in.o.Key, "error", o.err)
	}
	in.err = o.err
	if o.kind == refused {
		in.err = &dora.RefusedError{Err: o.err, Credential: in.o.Key}
	}
}

// update takes over a list. An installation keeps its client as long as it has the same id.
func (in *installations) update(listed installationList) {
	before := in.byOwner
	in.byOwner = map[string]*installation{}
	for _, l := range listed {
		owner := strings.ToLower(l.Account.Login)
		i := before[owner]
		if i == nil || i.id != l.ID {
			i = &installation{id: l.ID}
		}
		i.suspended, i.stale = l.SuspendedAt != nil, false
		in.byOwner[owner] = i
		if !i.suspended {
			in.unserved.remove(in.app.server, owner)
		}
	}
}

// owners returns the owners that the App is installed for, in lower case.
func (in *installations) owners(ctx context.Context) ([]string, error) {
	in.refresh(ctx)
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.byOwner == nil {
		return nil, fmt.Errorf("list the installations of the GitHub App %s: %w", in.o.Key, cmp.Or(in.err, ctx.Err()))
	}
	var all []string
	for owner, i := range in.byOwner {
		if !i.suspended {
			all = append(all, owner)
		}
	}
	slices.Sort(all)
	return all, nil
}
