package enrichment

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"dora-exporter/dora"
)

// pass is the permission to make one call. The outcome of the call must be reported with gate.report.
type pass struct {
	waiter
	closings int
	probe    bool
	// pauses is the repository's count of pauses; repositoryProbe is true if the call probes a paused repository.
	pauses          int
	repositoryProbe bool
	// accessProbe is true if the call probes an inaccessible repository.
	accessProbe bool
}

// waiter describes a call that wants to pass the gate.
type waiter struct {
	repository, route, url string
	// goesFirst is true if the answer to a probe may wait for the look-up of this call to end: it does not wait for the probe.
	goesFirst bool
}

// probeTime is how long the outcome of a probe under way is waited for if the gate yields.
const probeTime = 5 * time.Second

// wait returns when the call may be made, or with ctx's error when ctx ends. It fails at once if the repository is inaccessible or
// paused while the gate is open, so that the caller can go on with another repository, and if the gate is closed and yields.
func (g *gate) wait(ctx context.Context, call waiter) (pass, error) {
	w := &call
	defer g.leave(w)
	for {
		if err := ctx.Err(); err != nil {
			return pass{}, err
		}
		p, changed, left, err := g.try(w)
		if changed == nil {
			return p, err
		}
		if g.yields {
			return pass{}, g.pausedError(left)
		}
		var due <-chan time.Time
		if left > 0 {
			due = time.After(left)
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-due:
		}
	}
}

// pausedError returns the error of a call that is not made while the gate is closed for a time, or while a probe is under way if it is 0.
func (g *gate) pausedError(left time.Duration) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	err := fmt.Errorf("calls to the GitHub API are paused (%s)", g.closedReason)
	return &dora.PausedError{Err: err, RetryIn: cmp.Or(left, probeTime)}
}

// try returns a pass, or an error, or a channel to wait for. left is the time until the next probe is due, 0 if one is under way.
func (g *gate) try(w *waiter) (p pass, changed <-chan struct{}, left time.Duration, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p = pass{waiter: *w, closings: g.closings}
	if len(g.seenRepositories) < outageFailures {
		g.seenRepositories[w.repository] = true
	}
	state := g.states[w.repository]
	if state != nil {
		p.pauses = state.pauses
	}
	if g.closedReason == "" {
		if err := state.enter(w); err != nil {
			return p, nil, 0, err
		}
		if p.accessProbe, err = g.inaccessible.check(w.repository); err == nil && state != nil && state.candidate == w {
			p.repositoryProbe, state.probing = true, true
		}
		return p, nil, 0, err
	}
	g.waiting[w] = struct{}{}
	if g.inaccessible.contains(w.repository) {
		if g.forbiddenProbe == nil {
			g.forbiddenProbe = w
		}
		if g.forbiddenProbe != w {
			return p, nil, 0, g.inaccessible.errorUntil(w.repository, g.until)
		}
	}
	if g.probing && !w.goesFirst {
		return p, g.changed, 0, nil
	}
	if left := time.Until(g.until); left > 0 {
		return p, g.changed, left, nil
	}
	for other := range g.waiting {
		if g.rank(other) < g.rank(w) && !w.goesFirst {
			return p, g.changed, 0, nil
		}
	}
	p.probe = !g.probing
	g.probing = true
	return p, nil, 0, nil
}

// rank orders waiting calls by how well they are suited as the probe, the lowest first: a call for a repository that failed before
// may fail although GitHub works again.
func (g *gate) rank(w *waiter) int {
	switch {
	case g.inaccessible.contains(w.repository):
		return 3
	case g.states[w.repository] != nil && (g.states[w.repository].paused || g.states[w.repository].urls.lastFailed(w.url)):
		return 2
	case g.route(w.route).repositories.lastFailed(w.repository):
		return 1
	}
	return 0
}

// leave removes w from the waiting calls, which may make the call for a forbidden repository the next probe.
func (g *gate) leave(w *waiter) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.waiting, w)
	if s := g.states[w.repository]; s != nil && s.candidate == w {
		s.candidate = nil
	}
	if g.forbiddenProbe == w {
		g.forbiddenProbe = nil
	}
	if g.closedReason != "" {
		g.wake()
	}
}

// wake makes all waiting calls check the state again.
func (g *gate) wake() {
	close(g.changed)
	g.changed = make(chan struct{})
}
