package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"dora-exporter/config"
	"dora-exporter/instrumentation"
	"dora-exporter/internal/localfile"
	"dora-exporter/persistence/sqlite"
)

const (
	// checkpointEvery is the time between two checkpoints when something changed.
	defaultCheckpointInterval = 5 * time.Second
	// Stopping takes at most the sum of these, less than the 10 s that a container is given by default.
	requestsTimeout   = 4 * time.Second
	drainTimeout      = 2 * time.Second
	checkpointTimeout = 3 * time.Second
	// The last push takes what is left of stopMayTake, and no more than its own.
	lastPushTimeout = 5 * time.Second
	stopTimeout     = 9500 * time.Millisecond
	// notingMayTake bounds the wait for the store's turn after a push of deltas.
	savePositionTimeout = 2 * time.Second
)

// Options say what an App is made of.
type Options struct {
	Config *config.Config
	// Web is the TLS and basic auth of the addresses; nil for plain HTTP.
	Web *WebConfig
	// AcceptStore goes on with a store that is older than its checkpoint.
	AcceptStore bool
	// Version and Revision are those of the program.
	Version, Revision string
	Logger            *slog.Logger
	// Machine is the clock of the machine; nil for the real one.
	Machine *sqlite.Machine
	// CheckpointInterval is the time between two checkpoints when something changed; 5 s if it is 0.
	CheckpointInterval time.Duration
}

// App is the running program: its parts are built by New, run from Start to Stop, and gone after Close.
type App struct {
	parts

	options Options
	failed  <-chan error
	stop    func() error
	release func() error
}

// New opens the store, builds the parts and opens the addresses. The error is made for the person who starts the program.
func New(ctx context.Context, o Options) (_ *App, err error) {
	if o.Web == nil {
		o.Web = &WebConfig{}
	}
	if o.Machine == nil {
		machine := sqlite.RealMachine()
		o.Machine = &machine
	}
	if o.CheckpointInterval == 0 {
		o.CheckpointInterval = defaultCheckpointInterval
	}
	instrumentation.LogErrors(o.Logger)
	a := &App{options: o}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if a.store, err = sqlite.Open(ctx, o.Config.Storage.Database, o.Logger); err != nil {
		return nil, err
	}
	if a.release, err = localfile.LockCheckpoint(o.Config.Storage.File.Path); err != nil {
		return nil, err
	}
	if err := a.build(ctx, &a.options); err != nil {
		return nil, err
	}
	if err := a.listen(ctx, &a.options); err != nil {
		return nil, err
	}
	return a, nil
}

// Start lets requests in, restores the values and starts the parts. It returns when the program is ready.
func (a *App) Start(ctx context.Context) error {
	c, logger := a.options.Config, a.options.Logger
	a.failed = a.server.serve()
	logger.Info("listening", "address", strings.Join(a.Addresses(), ","), "database", c.Storage.Database, "checkpoint", c.Storage.File.Path)
	if err := a.projection.Restore(ctx); err != nil {
		a.server.stop(ctx, 0)
		return err
	}
	stop, err := a.start(ctx, &a.options)
	if err != nil {
		a.server.stop(ctx, 0)
		return err
	}
	a.stop = stop
	logger.Info("ready")
	return nil
}

// Addresses returns the addresses that the server listens on, host:port.
func (a *App) Addresses() []string { return a.server.addresses() }

// Failed gets an error when an address can't be served any more.
func (a *App) Failed() <-chan error { return a.failed }

// Stop stops what Start has started: no new requests, what was taken is processed, look-ups are left for the next start, the
// last checkpoint is written, the values and what is left of the traces are pushed.
func (a *App) Stop() error {
	if a.stop == nil {
		return nil
	}
	stop := a.stop
	a.stop = nil
	return stop()
}

// Close closes the files. It is called after Stop.
func (a *App) Close() error {
	var err error
	if a.reader != nil {
		err = a.reader.Close()
	}
	if a.release != nil {
		err = errors.Join(err, a.release())
	}
	if a.store != nil {
		err = errors.Join(err, a.store.Close())
	}
	return err
}

// Run makes an App and runs it until ctx ends or an address fails.
func Run(ctx context.Context, o Options) error {
	a, err := New(ctx, o)
	if err != nil {
		return err
	}
	if err := a.Start(ctx); err != nil {
		closed := a.Close()
		if ctx.Err() != nil {
			return closed // stopped while restoring: nothing has changed
		}
		return errors.Join(err, closed)
	}
	select {
	case <-ctx.Done():
		o.Logger.Info("stopping")
	case err = <-a.Failed():
		err = fmt.Errorf("serve: %w", err)
	}
	err = errors.Join(err, a.Stop())
	o.Logger.Info("stopped")
	return errors.Join(err, a.Close())
}

// start runs the parts behind the webhooks. What it returns stops everything: no new requests, what was taken is
// processed, look-ups are left for the next start, the last checkpoint is written, the values and what is left of the traces
// are pushed.
func (p *parts) start(ctx context.Context, o *Options) (stop func() error, err error) {
	ctx = context.WithoutCancel(ctx)
	push, err := p.startPush(ctx, o)
	if err != nil {
		return nil, err
	}
	ticking := runInBackground(ctx, p.clock.Run)
	processing := runInBackground(ctx, p.processor.Run)
	looking := runInBackground(ctx, p.lookups.Run)
	settling := runInBackground(ctx, p.evaluator.Run)
	projecting := runInBackground(ctx, p.projection.Run)
	return func() error {
		end := time.Now().Add(stopTimeout)
		p.server.stop(ctx, requestsTimeout)
		p.flushLogs()
		processing()
		drained := withTimeout(ctx, drainTimeout, p.processor.Drain)
		if errors.Is(drained, context.DeadlineExceeded) {
			drained = nil // the rest is processed after the next start
		}
		looking()
		settling()
		ticking()
		projecting()
		finished := withTimeout(ctx, checkpointTimeout, p.projection.Finish)
		_ = withTimeout(ctx, min(lastPushTimeout, time.Until(end)), func(ctx context.Context) error {
			var pushing sync.WaitGroup
			pushing.Go(func() { _ = push.Stop(ctx) })
			pushing.Go(func() { _ = p.traces.Stop(ctx) })
			pushing.Wait()
			return nil
		})
		return errors.Join(drained, finished)
	}, nil
}

// runInBackground runs f until the function that it returns is called, which waits for f's end.
func runInBackground(ctx context.Context, f func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { f(ctx) })
	return func() {
		cancel()
		running.Wait()
	}
}

func withTimeout(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return f(ctx)
}
