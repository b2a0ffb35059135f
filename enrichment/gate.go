package enrichment

import (
	"log/slog"
	"sync"
	"time"
)

// The gate. Every call to GitHub waits at one gate, so that an outage, a rate limit or a wrong token costs one call at a time and
// not one for each look-up. The gate has two states:
//
//	open    calls go through at once.
//	closed  all calls wait until the gate's time has come. Then one of them goes through as a probe; the others wait for its
//	        outcome. If it is answered, the gate opens for all; otherwise it stays closed for longer. If it must close again soon,
//	        it stays closed for longer, too.
//
// A rate limit and a refused token close the gate at once, since they apply to all calls. A failed call (no answer, a status of
// 5xx, an answer that makes no sense) may have a cause of its own: a commit that GitHub can't compare, a repository whose storage
// is down. So a failure closes the gate only if calls of the same route have failed for several URLs of several repositories in a
// row, with no answer in between; failureTracker keeps that count. If calls of one repository fail while others are answered,
// only that repository is paused, with its own backoff and its own probe (repositoryState). If nothing else is asked, a control call tells
// (answersOthers). It also tells whether a 403 that is not a rate limit is the repository's fault (inaccessibleRepositories). If it is
// denied, too, the token is taken to be at fault until a call for another repository is answered.
//
// Calls that were made together fail together. Each pass carries the number of closings at the time it was issued: outcomes of
// passes from before the last closing are stale and close nothing a second time.

// refusedRetry is the time between two probes while GitHub refuses the token.
const refusedRetry = time.Minute

// gate lets calls through, or makes them wait. It is safe for concurrent use.
type gate struct {
	logger *slog.Logger
	onAuth func(failing bool)
	// onPause is called with the reason when the gate closes, and with "" when it opens.
	onPause        func(reason string)
	onInaccessible func(repositories int)
	// key is the key of the credential in the configuration, for the log; ofApp is true if that is the private key of a GitHub App.
	key   string
	ofApp bool
	// yields is true if calls fail with a *dora.PausedError while the gate is closed, so that those with another credential go on.
	yields bool

	mu sync.Mutex
	// closedReason is empty while the gate is open.
	closedReason    string
	closedAt, until time.Time
	// followed is true if another server has found why the gate is closed; pauseChanged receives a value when the gate closes or opens.
	followed     bool
	pauseChanged chan struct{}
	// probing is true while the probe is under way.
	probing bool
	// closings counts how often the gate went from open to closed.
	closings int
	backoff  backoff
	// authFailing is true from the first answer that refuses access until the next success.
	authFailing bool
	// inaccessible are the repositories that the token may not see, accessible when a call for one of the others was answered.
	inaccessible inaccessibleRepositories
	accessible   map[string]time.Time
	// lastAnswer is when GitHub last answered a call.
	lastAnswer time.Time
	// routes tracks the failures of each route, states the repositories whose calls fail.
	routes map[string]*routeState
	states map[string]*repositoryState
	// seenRepositories holds up to outageFailures repositories for which calls were made.
	seenRepositories map[string]bool
	// waiting holds the calls that wait while the gate is closed.
	waiting map[*waiter]struct{}
	// forbiddenProbe is the only waiting call for a forbidden repository. It becomes the probe if no other call waits.
	forbiddenProbe *waiter
	// changed is closed when the waiting calls must check the state again.
	changed chan struct{}
}

// Reasons for which the gate is closed, as in the log and in Options.OnPause.
const (
	pauseFailing   = "failing"
	pauseRateLimit = "rate_limit"
	pauseRefused   = "refused"
)

func newGate(logger *slog.Logger, onAuth func(bool), onPause func(string), onInaccessible func(int)) *gate {
	return &gate{
		key: "github.token", logger: logger, onAuth: onAuth, onPause: onPause, onInaccessible: onInaccessible, changed: make(chan struct{}),
		pauseChanged: make(chan struct{}, 1),
		inaccessible: inaccessibleRepositories{}, accessible: map[string]time.Time{}, waiting: map[*waiter]struct{}{},
		routes: map[string]*routeState{}, states: map[string]*repositoryState{}, seenRepositories: map[string]bool{},
	}
}

// report records the outcome of the call that had the pass. It returns for how long all calls for the repository have failed, 0 if they
// have not.
func (g *gate) report(p pass, o outcome) (failing time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p.probe {
		g.probing = false
		defer g.wake()
	}
	s := g.states[p.repository]
	if s != nil && p.repositoryProbe {
		s.probing = false
	}
	if b := g.inaccessible[p.repository]; b != nil && p.accessProbe {
		b.probing = false
	}
	if s != nil && s.paused {
		failing = time.Since(s.failingSince)
	}
	stale := p.closings != g.closings
	switch o.kind {
	case answered, hidden:
		g.reportAnswered(p, o, stale)
	case limited:
		if o.wait > 0 {
			g.close(pauseRateLimit, o.wait, o.err)
		} else if !stale {
			g.limit(o.err)
		}
	case failed:
		if !stale && g.recordFailure(p, o) {
			g.backOff(pauseFailing, o.err)
		}
	case refused:
		if !stale {
			g.refuse(o.err)
		}
	case denied:
		g.deny(p, stale, o)
	case abandoned:
	}
	return failing
}

func (g *gate) reportAnswered(p pass, o outcome, stale bool) {
	g.lastAnswer = time.Now()
	switch {
	case o.kind == hidden:
		g.hide(p, o.err)
	case !o.notFound:
		g.grant(p.repository, p.route)
	}
	if !stale {
		g.recordSuccess(p)
		g.open()
	}
	if o.wait > 0 {
		g.close(pauseRateLimit, o.wait, o.err)
	}
}

// recordSuccess records an answered call: failures before it were not caused by an outage.
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

// recordFailure records a failed call and reports whether the whole API is down. If that seems so although GitHub answers other
// calls, the call's repository is paused.
func (g *gate) recordFailure(p pass, o outcome) (down bool) {
	s := g.states[p.repository]
	if s == nil {
		s = &repositoryState{pauses: p.pauses}
		g.states[p.repository] = s
	}
	down = p.probe
	if !down && !s.urls.broken[p.url] {
		route := g.route(p.route)
		repositories := route.repositories.recordFailure(p.repository)
		down = route.urls.recordFailure(p.url) >= outageFailures && repositories >= min(outageFailures, len(g.seenRepositories))
	}
	switch {
	case o.othersAnswered:
		s.recordFailure(g.logger, p, o.err, down, g.pausedRepositories())
		if p.probe {
			g.open()
		}
		return false
	case len(g.seenRepositories) > 1: // with a single repository, pausing the gate is enough
		s.recordFailure(g.logger, p, o.err, false, g.pausedRepositories())
	default:
		s.urls.recordFailure(p.url)
	}
	return down
}

func (g *gate) pausedRepositories() (n int) {
	for _, s := range g.states {
		if s.paused {
			n++
		}
	}
	return n
}

// routeState tracks the failures of a route: GitHub may fail for one kind of call only.
type routeState struct{ urls, repositories failureTracker }

func (g *gate) route(route string) *routeState {
	if g.routes[route] == nil {
		g.routes[route] = &routeState{}
	}
	return g.routes[route]
}

func (g *gate) open() {
	g.backoff.end()
	if g.authFailing {
		g.authFailing = false
		g.onAuth(false)
	}
	if g.closedReason == "" {
		return
	}
	g.backoff.skip(g.closedAt)
	for _, s := range g.states {
		s.shift(g.closedAt)
	}
	g.closedReason, g.followed = "", false
	g.announce()
	g.onPause("")
	g.logger.Info("resuming GitHub API calls")
}

// limit closes the gate for a rate limit of which GitHub does not say when it ends. If the gate was open, calls within the limit were
// answered: then pauses do not grow.
func (g *gate) limit(err error) {
	if g.closedReason == "" {
		g.backoff = backoff{}
	}
	g.backOff(pauseRateLimit, err)
}

func (g *gate) backOff(why string, err error) {
	g.close(why, g.backoff.next(), err)
}

// deny handles a 403 that is not a rate limit. It is the repository's fault if GitHub answers other calls. If that is not known, the first
// one may be the token's fault; a second one, while the gate is open, is the repository's.
func (g *gate) deny(p pass, stale bool, o outcome) {
	known := g.inaccessible.contains(p.repository)
	g.inaccessible.add(p.repository, p.route, p.accessProbe, o.err)
	g.wake()
	if o.othersAnswered && !stale {
		g.open()
	}
	switch {
	case o.othersAnswered, known && !stale && g.closedReason == "":
		g.inaccessible.logOnce(g.logger, p.repository, o.err)
		g.onInaccessible(g.inaccessible.count())
	case !stale:
		g.refuse(o.err)
	}
}

func (g *gate) refuse(err error) {
	if !g.authFailing {
		g.authFailing = true
		g.onAuth(true)
		g.logger.Error("GitHub refuses access, will retry once a minute: check the credential and its permissions", "key", g.key, "error", err)
	}
	g.close(pauseRefused, refusedRetry, err)
}

// close closes the gate or extends its wait because of an answer to this server, and tells others.
func (g *gate) close(why string, wait time.Duration, err error) {
	g.followed = false
	g.shut(why, wait, err)
	g.announce()
}

// shut closes the gate or extends its wait. It never shortens a wait that GitHub asked for.
func (g *gate) shut(why string, wait time.Duration, err error) {
	until := time.Now().Add(wait)
	if g.closedReason != "" && until.Before(g.until) {
		return
	}
	was := g.closedReason
	if was == "" {
		g.closings++
		g.closedAt = time.Now()
	}
	g.closedReason, g.until = why, until
	if was != why {
		g.onPause(why)
	}
	if was == why || why == pauseRefused {
		return
	}
	about := []any{"reason", why, "until", until, "error", err}
	if why == pauseRateLimit {
		about = append(about, "remedy", g.limitRemedy())
	}
	g.logger.Warn("pausing GitHub API calls", about...)
}

func (g *gate) limitRemedy() string {
	if g.ofApp {
		return "none needed: GitHub limits the calls of an installation of an App by the number of its repositories and users"
	}
	return "set " + g.key + " to one that nothing else uses: GitHub limits calls per user, without a token to 60 an hour"
}
