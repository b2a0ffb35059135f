package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"dora-exporter/persistence"
)

const (
	// checkpointEvery is the time between two checkpoints when something changed.
	checkpointEvery = 5 * time.Second
	// Stopping takes at most the sum of these, less than the 10 s that a container is given by default.
	requestsMayTake   = 4 * time.Second
	deliveriesMayTake = 2 * time.Second
	checkpointMayTake = 3 * time.Second
	// The last push takes what is left of stopMayTake, and no more than its own.
	lastPushMayTake = 5 * time.Second
	stopMayTake     = 9500 * time.Millisecond
	// notingMayTake bounds the wait for the store's turn after a push of deltas.
	notingMayTake = 2 * time.Second
)

// run builds the parts, starts them in order, and stops them in reverse order when ctx ends.
func run(ctx context.Context, c *Config, web *webConfig, acceptStore bool, logger *slog.Logger) error {
	store, err := persistence.Open(ctx, c.Storage.Database, logger)
	if err != nil {
		return err
	}
	err = alone(c.Storage.File.Path, func() error {
		p := parts{store: store}
		return errors.Join(p.serve(ctx, c, web, acceptStore, logger), p.closeReader())
	})
	return errors.Join(err, store.Close())
}

// alone runs f while no other server has the checkpoint.
func alone(checkpoint string, f func() error) error {
	release, err := persistence.LockCheckpoint(checkpoint)
	if err != nil {
		return err
	}
	return errors.Join(f(), release())
}

func (p *parts) serve(ctx context.Context, c *Config, web *webConfig, acceptStore bool, logger *slog.Logger) error {
	if err := p.build(ctx, c, acceptStore, logger); err != nil {
		return err
	}
	if err := p.listen(ctx, c, web, logger); err != nil {
		return err
	}
	failed := p.server.serve()
	logger.Info("listening", "address", strings.Join(p.server.addresses(), ","), "database", c.Storage.Database, "checkpoint", c.Storage.File.Path)

	if err := p.projection.Restore(ctx); err != nil {
		p.server.stop(ctx, 0)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // stopped while restoring: nothing has changed
		}
		return err
	}
	stop, err := p.start(ctx, c, logger)
	if err != nil {
		p.server.stop(ctx, 0)
		return err
	}
	logger.Info("ready")
	select {
	case <-ctx.Done():
		logger.Info("stopping")
	case err = <-failed:
		err = fmt.Errorf("serve: %w", err)
	}
	err = errors.Join(err, stop())
	logger.Info("stopped")
	return err
}

func (p *parts) closeReader() error {
	if p.reader == nil {
		return nil
	}
	return p.reader.Close()
}

// start runs the parts behind the webhooks. What it returns stops everything: no new requests, what was taken is
// processed, look-ups are left for the next start, the last checkpoint is written, the values and what is left of the traces
// are pushed.
func (p *parts) start(ctx context.Context, c *Config, logger *slog.Logger) (stop func() error, err error) {
	ctx = context.WithoutCancel(ctx)
	push, err := p.startPush(ctx, &c.OTLP, logger)
	if err != nil {
		return nil, err
	}
	processing := background(ctx, p.processor.Run)
	looking := background(ctx, p.jobs.Run)
	settling := background(ctx, p.settler.Run)
	projecting := background(ctx, p.projection.Run)
	return func() error {
		end := time.Now().Add(stopMayTake)
		p.server.stop(ctx, requestsMayTake)
		p.flushLogs()
		processing()
		drained := within(ctx, deliveriesMayTake, p.processor.Drain)
		if errors.Is(drained, context.DeadlineExceeded) {
			drained = nil // the rest is processed after the next start
		}
		looking()
		settling()
		projecting()
		finished := within(ctx, checkpointMayTake, p.projection.Finish)
		_ = within(ctx, min(lastPushMayTake, time.Until(end)), func(ctx context.Context) error {
			var pushing sync.WaitGroup
			pushing.Go(func() { _ = push.Stop(ctx) })
			pushing.Go(func() { _ = p.traces.Stop(ctx) })
			pushing.Wait()
			return nil
		})
		return errors.Join(drained, finished)
	}, nil
}

// background runs f until the function that it returns is called, which waits for f's end.
func background(ctx context.Context, f func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { f(ctx) })
	return func() {
		cancel()
		running.Wait()
	}
}

func within(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return f(ctx)
}
