package app

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"dora-exporter/dora"
	"dora-exporter/history"
)

const (
	// maxHistoryWait is how long questions about a repository wait for its history at most.
	maxHistoryWait = 10 * time.Minute
	// minHistoryRetry and maxHistoryRetry limit the time until a question that waits is asked again. Each time costs a write.
	minHistoryRetry = 2 * time.Second
	maxHistoryRetry = 15 * time.Second
)

// targetsPart is the name of the part of backfill_parts with the repositories that the newest request reads.
const targetsPart = "targets"

// backfillTargets are the repositories that a request reads: the host of the server's API and dora.RepositoryName.
type backfillTargets struct {
	// ID is that of the request.
	ID           string   `json:"id"`
	Repositories []string `json:"repositories"`
	// Unlisted are the hosts of servers that the request reads and whose repositories are not among Repositories yet.
	Unlisted []string `json:"unlisted,omitempty"`
}

var errHistoryUnread = errors.New("a backfill is about to read the history of the repository, which may answer this without a call")

// awaiting is a dora.Enricher that postpones questions about a repository while a backfill is about to read its history, in bulk. What is
// read then answers most of them, where each would take some calls before. It stops postponing if the backfill fails, or takes too long.
type awaiting struct {
	dora.Enricher

	store history.PartReader
	// accounts tell from which server a repository is read.
	accounts dora.Accounts
	// isServing is true in a server, which carries out requests, and isConfigured if its first start makes one.
	isServing, isConfigured bool
	// now is the clock of the store.
	now func() time.Time

	mu sync.Mutex
	// state and targets are what was stored at the time read. isKnown is true if there was a request.
	state   backfillState
	targets backfillTargets
	isKnown bool
	read    time.Time
	// since has when questions about a repository began to wait, by the host of the server's API and dora.RepositoryName.
	since map[string]time.Time
}

// Origin is that of dora.Enricher.
func (a *awaiting) Origin(ctx context.Context, c dora.Commit) (dora.Origin, error) {
	if err := a.wait(ctx, c); err != nil {
		return dora.Origin{}, err
	}
	return a.Enricher.Origin(ctx, c)
}

// Ship is that of dora.Enricher.
func (a *awaiting) Ship(ctx context.Context, c dora.Comparison) (dora.Shipment, map[string]dora.Origin, error) {
	if err := a.wait(ctx, c.Head); err != nil {
		return dora.Shipment{}, nil, err
	}
	return a.Enricher.Ship(ctx, c)
}

// IsAwaited reports whether questions about a repository, owner/name, wait for its history. host is that of the server's API.
func (a *awaiting) IsAwaited(host, name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	began, waits := a.since[host+"/"+strings.ToLower(name)]
	return waits && a.now().Sub(began) < maxHistoryWait
}

// wait returns a *dora.PausedError if a question about a commit has to wait.
func (a *awaiting) wait(ctx context.Context, c dora.Commit) error {
	if !a.isServing {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if err := a.refresh(ctx, now); err != nil {
		return err
	}
	host := a.serverOf(c)
	name := host + "/" + dora.RepositoryName(c.Owner, c.Repository)
	if !a.isToBeRead(host, name) {
		return nil
	}
	if isRead, err := history.IsRead(ctx, a.store, c); err != nil || isRead {
		return err
	}
	began, waits := a.since[name]
	if !waits {
		began, a.since[name] = now, now
	}
	waited := now.Sub(began)
	if waited >= maxHistoryWait {
		return nil
	}
	return &dora.PausedError{Err: errHistoryUnread, RetryIn: min(max(waited/8, minHistoryRetry), maxHistoryRetry)}
}

// serverOf returns the host of the API that a commit is read from, which may be called otherwise in events.
func (a *awaiting) serverOf(c dora.Commit) string {
	if i, found := a.accounts.Of(c.Host, c.Owner); found {
		return dora.Host(a.accounts[i].BaseURL)
	}
	return c.Host
}

// refresh reads the request once in requestInterval.
func (a *awaiting) refresh(ctx context.Context, now time.Time) error {
	if !a.read.IsZero() && now.Sub(a.read) < requestInterval {
		return nil
	}
	var state backfillState
	known, err := a.store.BackfillPart(ctx, requestPart, &state)
	if err != nil {
		return err
	}
	if known && !state.Done { // its servers are listed one after another
		targets := backfillTargets{}
		if _, err := a.store.BackfillPart(ctx, targetsPart, &targets); err != nil {
			return err
		}
		a.targets = targets
	}
	if state.ID != a.state.ID || a.since == nil {
		a.since = map[string]time.Time{}
	}
	a.state, a.isKnown, a.read = state, known, now
	return nil
}

// isToBeRead reports whether the request reads a repository, or may read it if those of its server are not listed yet. name begins with the host
// of the server.
func (a *awaiting) isToBeRead(host, name string) bool {
	switch r := a.state.Request; {
	case !a.isKnown:
		return a.isConfigured
	case a.state.Done || a.state.Error != "" || len(r.Sources) > 0 && !slices.Contains(r.Sources, dora.GitHub):
		return false
	case a.state.Runner != "" && a.now().Sub(a.state.Beat) > abandonedAfter:
		return false
	case a.targets.ID != a.state.ID, slices.Contains(a.targets.Unlisted, host):
		return len(r.Repositories) == 0 || slices.ContainsFunc(r.Repositories, func(wanted string) bool { return names(wanted, name) })
	}
	isFailed := slices.ContainsFunc(a.state.Progress.Failed, func(failed string) bool { return names(failed, name) })
	return slices.Contains(a.targets.Repositories, name) && !isFailed
}

// names reports whether a repository of a request, such as owner/* or host/owner/name, is the one with a name: host/owner/name.
func names(wanted, name string) bool {
	wanted = strings.ToLower(wanted)
	host, name, _ := strings.Cut(name, "/")
	if strings.Count(wanted, "/") == 2 {
		var of string
		if of, wanted, _ = strings.Cut(wanted, "/"); dora.GitHubHost(of) != dora.GitHubHost(host) {
			return false
		}
	}
	owner, isAll := strings.CutSuffix(wanted, "/*")
	return wanted == name || isAll && strings.HasPrefix(name, owner+"/")
}
