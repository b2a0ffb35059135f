package app

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/history"
)

// runningBackfill is a request that this server carries out. It stores how far it is.
type runningBackfill struct {
	*parts

	logger *slog.Logger
	// stop ends the work on it.
	stop context.CancelFunc

	mu    sync.Mutex
	state backfillState
	saved time.Time

	targets backfillTargets
}

// follow has a backfill store what it is about to read, and read first what is awaited.
func (r *runningBackfill) follow(all history.Servers) {
	r.targets.ID = r.state.ID
	for _, b := range all {
		if b.Host != "" { // not Jira
			r.targets.Unlisted = append(r.targets.Unlisted, b.Host)
		}
		b.OnPlanned = func(ctx context.Context, repositories []string) { r.plan(ctx, b.Host, repositories) }
		b.IsAwaited = func(name string) bool { return r.awaited.IsAwaited(b.Host, name) }
	}
}

// plan stores the repositories of a server that are to be read, besides those of other servers.
func (r *runningBackfill) plan(ctx context.Context, host string, repositories []string) {
	r.targets.Repositories = slices.DeleteFunc(r.targets.Repositories, func(name string) bool { return strings.HasPrefix(name, host+"/") }) // an earlier list
	for _, name := range repositories {
		r.targets.Repositories = append(r.targets.Repositories, host+"/"+strings.ToLower(name))
	}
	r.targets.Unlisted = slices.DeleteFunc(r.targets.Unlisted, func(of string) bool { return of == host })
	err := r.store.Update(ctx, func(tx dora.Tx) error { return tx.Backfill().SavePart(targetsPart, r.targets) })
	if err != nil && ctx.Err() == nil {
		r.logger.Error("storing what the backfill reads failed, evaluations of these repositories wait for it", "error", err)
	}
}

// reach notes the progress, and stores it once in requestInterval.
func (r *runningBackfill) reach(ctx context.Context, now history.Progress) {
	r.mu.Lock()
	r.state.Progress = now
	isRecent := time.Since(r.saved) <= requestInterval
	r.mu.Unlock()
	if !isRecent {
		r.save(ctx, func(*backfillState) {})
	}
}

// beat stores signs of life until ctx ends: there is no progress while a rate limit is waited for, which may take an hour.
func (r *runningBackfill) beat(ctx context.Context, interval time.Duration) {
	for {
		pipeline.Sleep(ctx, interval)
		if ctx.Err() != nil {
			return
		}
		r.save(ctx, func(*backfillState) {})
	}
}

// save changes the state and stores it. If another request has replaced this one, or another server has taken it over, it stops the work
// instead.
func (r *runningBackfill) save(ctx context.Context, change func(*backfillState)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.state)
	r.state.Beat, r.saved = r.clock.Now(), time.Now()
	lost := false
	err := r.store.Update(ctx, func(tx dora.Tx) error {
		var stored backfillState
		_, err := tx.Backfill().Part(requestPart, &stored)
		if lost = stored.ID != r.state.ID || stored.Runner != r.state.Runner; err != nil || lost {
			return err
		}
		return tx.Backfill().SavePart(requestPart, r.state)
	})
	if err == nil && lost {
		r.stop()
	}
	if err != nil && ctx.Err() == nil {
		r.logger.Error("storing the progress of the backfill failed", "error", err)
	}
}
