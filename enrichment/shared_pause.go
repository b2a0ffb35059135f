package enrichment

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"time"
)

// Several servers with the same token share its rate limit. A server that GitHub tells to wait, or whose token GitHub refuses, tells the
// others through their store, so that they don't ask as well. It alone probes when the time has come: the others wait followDelay longer,
// in which they hear what it has found. If they don't, it has died, and they probe themselves. A server that gets no answers says
// nothing: its own network may be at fault.

// Pauses are pauses of calls with a token, in a store that several servers share. Its methods are safe for concurrent use.
type Pauses interface {
	// SetPause stores why calls with a token are paused for a time from now on, or, without a reason, that they are not.
	SetPause(ctx context.Context, token, reason string, wait time.Duration) error
	// Pause returns what SetPause stored last, and how much of the time is left, 0 if it is over.
	Pause(ctx context.Context, token string) (reason string, left time.Duration, err error)
}

const (
	// pausePoll is how often a server looks for pauses of others.
	pausePoll = 3 * time.Second
	// followDelay is how much longer than the server that found the pause the others wait.
	followDelay = 2 * pausePoll
)

var errOtherPaused = errors.New("GitHub has told another server with the same token")

// SharePauses tells other servers about pauses, and follows theirs, until ctx ends.
func (a *Accounts) SharePauses(ctx context.Context, with Pauses) {
	ticker := time.NewTicker(pausePoll)
	defer ticker.Stop()
	shared := map[*GitHub]*pause{}
	failing := false
	for {
		var errs []error
		for _, c := range a.clients {
			for _, g := range c.all() {
				if shared[g] == nil {
					shared[g] = &pause{}
				}
				errs = append(errs, g.gate.exchangePauses(ctx, with, g.pauseName, shared[g]))
			}
		}
		if ctx.Err() != nil {
			return
		}
		err := errors.Join(errs...)
		if failed := err != nil; failed != failing {
			failing = failed
			logShared(a.o.Logger, err)
		}
		select {
		case <-a.shared.pauseChanged:
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func logShared(logger *slog.Logger, err error) {
	if err != nil {
		logger.Warn("sharing pauses of the GitHub API with other servers failed, will retry", "error", err)
		return
	}
	logger.Info("sharing pauses of the GitHub API with other servers works again")
}

// tokenName identifies a token of a server without saying what it is.
func tokenName(host, token string) string {
	sum := sha256.Sum256([]byte(token))
	return host + " " + hex.EncodeToString(sum[:8])
}

// pause is a pause of all calls that GitHub has asked for; its zero value is none.
type pause struct {
	reason string
	until  time.Time
}

// exchangePauses tells what has changed since told, and follows the pause of another server if this one has none.
func (g *gate) exchangePauses(ctx context.Context, with Pauses, token string, told *pause) error {
	own := g.ownPause()
	if own != *told {
		if err := with.SetPause(ctx, token, own.reason, max(0, time.Until(own.until))); err != nil {
			return err
		}
		*told = own
	}
	if own != (pause{}) {
		return nil
	}
	reason, left, err := with.Pause(ctx, token)
	if err == nil {
		g.follow(reason, left)
	}
	return err
}

// ownPause returns the pause that an answer to this server has caused.
func (g *gate) ownPause() pause {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.followed || g.closedReason != pauseRateLimit && g.closedReason != pauseRefused {
		return pause{}
	}
	return pause{g.closedReason, g.until}
}

// follow pauses calls as another server does, or resumes them with it.
func (g *gate) follow(reason string, left time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case reason == "" && g.followed:
		g.open()
		g.wake()
	case left > 0 && (g.closedReason == "" || g.followed):
		g.followed = true
		g.shut(reason, left+followDelay, errOtherPaused)
		g.wake()
	}
}

// announce has SharePauses look at once.
func (g *gate) announce() {
	select {
	case g.pauseChanged <- struct{}{}:
	default:
	}
}
