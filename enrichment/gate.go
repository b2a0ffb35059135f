package enrichment

import (
	"log/slog"
	"sync"
	"time"

	"dora-exporter/dora"
)

// refusedWait is the time between two probes while GitHub refuses the token.
const refusedRetry = time.Minute

// gate is what every call passes. It is open, or closed until a time, at which one call goes through as a probe while the
// others keep waiting for its outcome: a success opens the gate for all, anything else closes it for longer.
//
// Rate limits and a refused token close it at once, since they hold for all calls. A call that fails may fail by itself:
// only when several calls of the same kind do, with none answered in between, is it an outage that closes the gate.
type gate struct {
	logger *slog.Logger
	onAuth func(failing bool)
	// onPause is called with why the gate is closed, or with nothing when it opens.
	onPause func(reason string)

	mu sync.Mutex
	// shut is why the gate is closed; empty when it is open.
	closedReason string
	until        time.Time
	// probing is set while the probe is under way.
	probing bool
	// closings counts how often the gate went from open to closed. A call that was let through before the last one
	// tells nothing new: calls that fail together make one failure.
	closings int
	// failures in a row decide the backoff.
	failures int
	// refused is set from the first answer that refuses access to the first one that doesn't.
	authFailing bool
	forbidden   forbiddenRepositories
	// routes are what fails of each kind of call, states what is known of the repositories that fail.
	routes map[string]*routeState
	states map[string]*repositoryState
	// seen are repositories that calls have been about, up to outageFailures of them.
	seenRepositories map[string]bool
	// waiting are those who wait while the gate is closed.
	waiting map[*waiter]struct{}
	// standIn is the only one of them whose repository is forbidden. It makes the probe when nobody else is there.
	forbiddenProbe *waiter
	// changed is closed when those who wait must look again.
	changed chan struct{}
}

// Why the gate is closed, as the log and Options.OnPause say it.
const (
	pauseFailing   = "failing"
	pauseRateLimit = "rate_limit"
	pauseRefused   = "refused"
)

func newGate(logger *slog.Logger, onAuth func(bool), onPause func(string)) *gate {
	return &gate{
		logger: logger, onAuth: onAuth, onPause: onPause, changed: make(chan struct{}),
		forbidden: forbiddenRepositories{}, waiting: map[*waiter]struct{}{}, routes: map[string]*routeState{}, states: map[string]*repositoryState{}, seenRepositories: map[string]bool{},
	}
}

// report tells how the call that had the pass ended.
func (g *gate) report(p pass, o outcome) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p.probe {
		g.probing = false
		defer g.wake()
	}
	if s := g.states[p.repository]; s != nil && p.repositoryProbe {
		s.probing = false
	}
	stale := p.closings != g.closings
	switch o.kind {
	case answered:
		g.forbidden.remove(g.logger, p.repository)
		if !stale {
			g.recordSuccess(p)
			g.open()
		}
		if o.wait > 0 {
			g.close(pauseRateLimit, o.wait, o.err)
		}
	case limited:
		if o.wait > 0 {
			g.close(pauseRateLimit, o.wait, o.err)
		} else if !stale {
			g.backOff(pauseRateLimit, o.err)
		}
	case failed:
		if !stale && g.recordFailure(p, o.err) {
			g.backOff(pauseFailing, o.err)
		}
	case refused:
		if !stale {
			g.refuse(o.err)
		}
	case denied:
		g.deny(p.repository, stale, o.err)
	case abandoned:
	}
}

// recordSuccess notes a call that worked: what failed before it did so by itself.
func (g *gate) recordSuccess(p pass) {
	g.route(p.route).urls.recordSuccess(p.url)
	g.route(p.route).repositories.recordSuccess(p.repository)
	s := g.states[p.repository]
	if s == nil {
		return
	}
	if s.recordSuccess(g.logger, p); !s.paused && s.urls.empty() {
		delete(g.states, p.repository)
	}
}

// failed notes a call that failed, and reports whether that means that the whole API is down.
func (g *gate) recordFailure(p pass, err error) bool {
	s := g.states[p.repository]
	if s == nil {
		s = &repositoryState{pauses: p.pauses}
		g.states[p.repository] = s
	}
	broken := s.urls.broken[p.url]
	if len(g.seenRepositories) > 1 { // else nobody has to be spared
		s.recordFailure(g.logger, p, err)
	} else {
		s.urls.recordFailure(p.url)
	}
	if p.probe {
		return true
	}
	if broken {
		return false
	}
	route := g.route(p.route)
	repositories := route.repositories.recordFailure(p.repository)
	return route.urls.recordFailure(p.url) >= outageFailures && repositories >= min(outageFailures, len(g.seenRepositories))
}

// routeState is what the gate knows of the calls of a route: GitHub may fail for one kind of call alone.
type routeState struct{ urls, repositories failureTracker }

func (g *gate) route(route string) *routeState {
	if g.routes[route] == nil {
		g.routes[route] = &routeState{}
	}
	return g.routes[route]
}

func (g *gate) open() {
	g.failures = 0
	if g.authFailing {
		g.authFailing = false
		g.onAuth(false)
	}
	if g.closedReason == "" {
		return
	}
	g.closedReason = ""
	g.onPause("")
	g.logger.Info("GitHub API calls work again")
}

func (g *gate) backOff(why string, err error) {
	g.failures++
	g.close(why, dora.Backoff(g.failures), err)
}

// deny handles a 403 that is no limit. The first one about a repository may be the token's fault; a further one, while the
// gate is open, is not.
func (g *gate) deny(repository string, stale bool, err error) {
	known := g.forbidden.contains(repository)
	g.forbidden.add(repository)
	g.wake()
	switch {
	case stale:
	case known && g.closedReason == "":
		g.forbidden.logOnce(g.logger, repository, err)
	default:
		g.refuse(err)
	}
}

func (g *gate) refuse(err error) {
	if !g.authFailing {
		g.authFailing = true
		g.onAuth(true)
		g.logger.Error("GitHub refuses access, trying once a minute: check the token and what it may read", "error", err)
	}
	g.close(pauseRefused, refusedRetry, err)
}

// close closes the gate, or keeps it closed for longer; it never shortens a wait that GitHub asked for.
func (g *gate) close(why string, wait time.Duration, err error) {
	until := time.Now().Add(wait)
	if g.closedReason != "" && until.Before(g.until) {
		return
	}
	was := g.closedReason
	if was == "" {
		g.closings++
	}
	g.closedReason, g.until = why, until
	if was != why {
		g.onPause(why)
	}
	if was != why && why != pauseRefused {
		g.logger.Warn("pausing GitHub API calls", "reason", why, "until", until, "error", err)
	}
}
