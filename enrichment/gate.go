package enrichment

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"dora-exporter/dora"
)

// refusedWait is the time between two probes while GitHub refuses the token.
const refusedWait = time.Minute

// gate is what every call passes. It is open, or closed until a time, at which one call goes through as a probe while the
// others keep waiting for its outcome: a success opens the gate for all, anything else closes it for longer.
type gate struct {
	logger *slog.Logger
	onAuth func(failing bool)

	mu sync.Mutex
	// shut is why the gate is closed; empty when it is open.
	shut  string
	until time.Time
	// probing is set while the probe is under way.
	probing bool
	// closings counts how often the gate went from open to closed. A call that was let through before the last one
	// tells nothing new: calls that fail together make one failure.
	closings int
	// failures in a row decide the backoff.
	failures int
	refused  bool
	// changed is closed when those who wait must look again.
	changed chan struct{}
}

// Why the gate is closed, as the log says it.
const (
	shutFailing = "calls fail"
	shutLimited = "rate limit"
	shutRefused = "access refused"
)

func newGate(logger *slog.Logger, onAuth func(bool)) *gate {
	return &gate{logger: logger, onAuth: onAuth, changed: make(chan struct{})}
}

// pass is the leave to make one call. Its outcome must be reported.
type pass struct {
	closings int
	probe    bool
}

// wait returns when a call may be made, or with ctx's error when ctx ends.
func (g *gate) wait(ctx context.Context) (pass, error) {
	for {
		if err := ctx.Err(); err != nil {
			return pass{}, err
		}
		p, changed, left := g.try()
		if changed == nil {
			return p, nil
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

// try returns a pass; or a channel to wait for and, when the next probe is not under way yet, the time until it is due.
func (g *gate) try() (p pass, changed <-chan struct{}, left time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut == "" {
		return pass{closings: g.closings}, nil, 0
	}
	if g.probing {
		return pass{}, g.changed, 0
	}
	if left := time.Until(g.until); left > 0 {
		return pass{}, g.changed, left
	}
	g.probing = true
	return pass{closings: g.closings, probe: true}, nil, 0
}

// report tells how the call that had the pass ended.
func (g *gate) report(p pass, o outcome) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p.probe {
		g.probing = false
		defer g.wake()
	}
	stale := p.closings != g.closings
	switch o.kind {
	case answered:
		if !stale {
			g.open()
		}
		if o.wait > 0 {
			g.close(shutLimited, o.wait, o.err)
		}
	case limited:
		if o.wait > 0 {
			g.close(shutLimited, o.wait, o.err)
		} else if !stale {
			g.backOff(shutLimited, o.err)
		}
	case failed:
		if !stale {
			g.backOff(shutFailing, o.err)
		}
	case refused:
		if !stale {
			g.refuse(o.err)
		}
	case abandoned:
	}
}

func (g *gate) open() {
	g.failures = 0
	if g.refused {
		g.refused = false
		g.onAuth(false)
	}
	if g.shut == "" {
		return
	}
	g.shut = ""
	g.logger.Info("calls to the GitHub API work again")
}

func (g *gate) backOff(why string, err error) {
	g.failures++
	g.close(why, dora.Backoff(g.failures), err)
}

func (g *gate) refuse(err error) {
	if !g.refused {
		g.refused = true
		g.onAuth(true)
		g.logger.Error("GitHub refuses access, trying once a minute: check the token and what it may read", "error", err)
	}
	g.close(shutRefused, refusedWait, err)
}

// close closes the gate, or keeps it closed for longer; it never shortens a wait that GitHub asked for.
func (g *gate) close(why string, wait time.Duration, err error) {
	until := time.Now().Add(wait)
	if g.shut != "" && until.Before(g.until) {
		return
	}
	was := g.shut
	if was == "" {
		g.closings++
	}
	g.shut, g.until = why, until
	if was != why && why != shutRefused {
		g.logger.Warn("calls to the GitHub API pause", "reason", why, "until", until, "error", err)
	}
}

// wake makes those who wait look again.
func (g *gate) wake() {
	close(g.changed)
	g.changed = make(chan struct{})
}
