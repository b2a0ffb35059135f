package history

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"dora-exporter/dora"
)

// Servers reads the histories of several servers of GitHub, one after another, as one Backfill.
type Servers []*Backfill

// Plan returns what a Run would read, without reading it.
func (s Servers) Plan(ctx context.Context) (all Plan, err error) {
	s.limitFailures()
	var failed []error
	for _, b := range s {
		failed = append(failed, b.plan(ctx), b.refusals.err())
		if b.readsIssues() {
			search, err := b.search(ctx)
			if failed = append(failed, err); err == nil {
				all.Searches = append(all.Searches, search)
			}
		}
	}
	all.Progress = s.with(-1, Progress{})
	return all, cmp.Or(ctx.Err(), errors.Join(failed...))
}

// failuresOfServer is how often in a row a call of a server may fail before the others are read first.
const failuresOfServer = 3

// Run reads everything, as Backfill.Run. A server that does not answer is read after the others, and so is a repository that it does not answer
// for.
func (s Servers) Run(ctx context.Context) (Progress, error) {
	for i, b := range s {
		show := b.OnProgress
		if show == nil {
			show = func(Progress) {}
		}
		b.OnProgress = func(now Progress) { show(s.with(i, now)) }
	}
	var failed []error
	left := slices.Clone(s)
	for round := 1; len(left) > 0 && ctx.Err() == nil; round++ {
		left.limitFailures()
		planned, down, err := left.attempt(ctx, (*Backfill).resume)
		read, stopped, readErr := planned.attempt(ctx, (*Backfill).read)
		failed = append(failed, err, readErr)
		if left = slices.Concat(down, stopped); len(left) > 0 && len(read) == 0 {
			left[0].Sleep(ctx, dora.Backoff(round))
		}
	}
	failed = append(failed, s.readAgain(ctx))
	for _, b := range s {
		failed = append(failed, b.refusals.err())
	}
	return s.with(-1, Progress{}), cmp.Or(ctx.Err(), errors.Join(failed...))
}

// limitFailures sets how often a call may fail: any number of times if nothing else is left to be read.
func (s Servers) limitFailures() {
	for _, b := range s {
		if b.maxFailures = 0; len(s) > 1 {
			b.maxFailures = failuresOfServer
		}
	}
}

// attempt calls do for each server. It returns those that are done, those that do not answer, and the errors of the others.
func (s Servers) attempt(ctx context.Context, do func(*Backfill, context.Context) error) (done, down Servers, err error) {
	var failed []error
	for _, b := range s {
		var outage *outageError
		switch err := do(b, ctx); {
		case err == nil:
			done = append(done, b)
		case errors.As(err, &outage):
			b.Logger.Warn("a server does not answer, reading the others first", "server", cmp.Or(b.Host, dora.Jira), "error", err)
			down = append(down, b)
		default:
			failed = append(failed, err)
		}
	}
	return done, down, errors.Join(failed...)
}

// with returns the progress of all servers, with now as that of the server with an index.
func (s Servers) with(index int, now Progress) (all Progress) {
	for i, b := range s {
		p := now
		if i != index {
			p = b.reached()
		}
		all.Repositories, all.Done, all.CallsLeft = all.Repositories+p.Repositories, all.Done+p.Done, all.CallsLeft+p.CallsLeft
		all.Deployments, all.Issues, all.Deliveries = all.Deployments+p.Deployments, all.Issues+p.Issues, all.Deliveries+p.Deliveries
		all.Add(p.Spent)
		all.Failed = append(all.Failed, s.withHost(b.Host, p.Failed)...)
	}
	return all
}

// withHost returns names of what a server could not read with its host, as in Request.Repositories, if there are several servers of GitHub:
// each may have a repository of a name.
func (s Servers) withHost(host string, names []string) (all []string) {
	isOther := func(b *Backfill) bool { return b.Host != "" && b.Host != host }
	if host == "" || !slices.ContainsFunc(s, isOther) {
		return names
	}
	for _, name := range names {
		if strings.Contains(name, "/") { // neither an issue nor a credential
			name = dora.GitHubHost(host) + "/" + name
		}
		all = append(all, name)
	}
	return all
}

// reached returns the progress of a backfill so far.
func (b *Backfill) reached() Progress {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.progress
}
