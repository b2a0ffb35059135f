package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"dora-exporter/config"
	"dora-exporter/instrumentation"
	"dora-exporter/internal/localfile"
	"dora-exporter/persistence/postgres"
	"dora-exporter/persistence/sqlstore"
)

const (
	// defaultCheckpointInterval is the time between two checkpoints when values have changed.
	defaultCheckpointInterval = 5 * time.Second
	// The steps of Stop. Together they take less than the 10 s that a container gets by default.
	requestsTimeout   = 4 * time.Second
	drainTimeout      = 2 * time.Second
	checkpointTimeout = 3 * time.Second
	// The last push gets the rest of stopTimeout, but at most lastPushTimeout.
	lastPushTimeout = 5 * time.Second
	stopTimeout     = 9500 * time.Millisecond
	// savePushedTimeout bounds the write of what was pushed after a push of deltas.
	savePushedTimeout = 2 * time.Second
)

// Options configures an App.
type Options struct {
	Config *config.Config
	// Web has TLS and basic auth for the addresses; nil for plain HTTP.
	Web *WebConfig
	// TelemetryPath is a second path of /metrics; empty if there is none.
	TelemetryPath string
	// AcceptStore continues with a store that is older than its checkpoint.
	AcceptStore bool
	// Version and Revision identify the program.
	Version, Revision string
	Logger            *slog.Logger
	// Machine is the clock of the machine; nil for the real one.
	Machine *sqlstore.Machine
	// CheckpointInterval is the time between two checkpoints when values have changed; 5 s if it is 0.
	CheckpointInterval time.Duration

	// patience is how long a start waits for a database that is not available.
	patience time.Duration
}

// App is the running program. New builds its parts, Start and Stop run them, Close releases the files.
type App struct {
	parts

	options Options
	failed  <-chan error
	stop    func() error
	release func() error
}

// useMachine sets the clock, unless the caller has: to that which all users of the store share, or else to the machine's own.
func (o *Options) useMachine(shared *sqlstore.Machine) {
	switch {
	case o.Machine != nil:
	case shared != nil:
		o.Machine = shared
	default:
		machine := sqlstore.RealMachine()
		o.Machine = &machine
	}
}

// New opens the store, builds the parts and listens on the addresses. Its errors are messages for whoever starts the program.
func New(ctx context.Context, o Options) (*App, error) {
	if o.Web == nil {
		o.Web = &WebConfig{}
	}
	o.patience = postgres.Patience
	instrumentation.LogErrors(o.Logger)
	a, err := openParts(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := a.listen(ctx, &a.options); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// openParts opens the store and builds all parts but the server.
func openParts(ctx context.Context, o Options) (_ *App, err error) {
	if o.CheckpointInterval == 0 {
		o.CheckpointInterval = defaultCheckpointInterval
	}
	a := &App{options: o}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if a.store, err = openStore(ctx, o.Config, o.patience, o.Logger); err != nil {
		return nil, err
	}
	a.options.useMachine(a.store.machine)
	if file := o.Config.Storage.File.Path; file != "" {
		if a.release, err = localfile.LockCheckpoint(file); err != nil {
			return nil, err
		}
	}
	return a, a.build(ctx, &a.options)
}

// Start accepts requests, restores the values and starts the parts. It returns when the program is ready. Webhooks are stored
// from the beginning; /metrics answers 503 until the values are restored.
func (a *App) Start(ctx context.Context) error {
	c, logger := a.options.Config, a.options.Logger
	a.failed = a.server.serve()
	logger.Info("listening", "address", strings.Join(a.Addresses(), ","), "database", a.store.Path(), "checkpoint", cmp.Or(c.Storage.File.Path, "none"))
	err := a.forgetPushed(ctx, &c.OTLP)
	if err == nil {
		err = a.restore(ctx)
	}
	if err != nil {
		a.server.stop(context.WithoutCancel(ctx), requestsTimeout)
		return err
	}
	// It is ready now, so a stop is made in order.
	stop, err := a.start(ctx, &a.options)
	if err != nil {
		a.server.stop(context.WithoutCancel(ctx), requestsTimeout)
		return err
	}
	a.stop = stop
	logger.Info("ready")
	return nil
}

// restoreHeap is how large the heap may become in any case while the values are restored, in bytes, beside a quarter of what is in use.
// Serving takes as much.
const restoreHeap = 2 << 20

// restore restores the values. That needs several times the memory that the values take afterwards, so garbage is collected more often
// meanwhile and its memory returned.
func (a *App) restore(ctx context.Context) error {
	err := a.restoreInLittleHeap(ctx)
	debug.FreeOSMemory()
	return err
}

func (a *App) restoreInLittleHeap(ctx context.Context) error {
	const percent = 25
	before := debug.SetGCPercent(percent)
	defer debug.SetGCPercent(before)
	// The collector counts this as in use, but it is never touched, so it takes no memory. Without it, a few values would be collected after
	// each MB, which took a third of the CPU of a start.
	unused := make([]byte, restoreHeap*100/percent)
	defer runtime.KeepAlive(unused)
	if err := a.store.whileAway(ctx, func() error { return a.projection.Restore(ctx) }); err != nil {
		return err
	}
	if err := a.metrics.Fill(); err != nil {
		return err
	}
	return a.store.ReleaseMemory(ctx)
}

// Addresses returns the addresses that the server listens on, host:port.
func (a *App) Addresses() []string { return a.server.addresses() }

// Failed returns a channel that receives an error if an address can no longer be served.
func (a *App) Failed() <-chan error { return a.failed }

// Stop ends what Start has started. It refuses new requests, processes the accepted deliveries, leaves look-ups and evaluations to
// the next start, writes the last checkpoint, and pushes the metrics and the remaining traces.
func (a *App) Stop() error {
	if a.stop == nil {
		return nil
	}
	stop := a.stop
	a.stop = nil
	return stop()
}

// Close closes the files and releases their locks. It is called after Stop.
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

// Run runs an App until ctx is done or an address fails.
func Run(ctx context.Context, o Options) error {
	a, err := New(ctx, o)
	if err != nil {
		if ctx.Err() != nil {
			o.Logger.Info("stopped before the store was open", "error", err)
			return nil //nolint:nilerr // it was stopped while it waited for the database
		}
		return err
	}
	if err := a.Start(ctx); err != nil {
		closed := a.Close()
		if ctx.Err() != nil {
			return closed // stopped while restoring, which changes nothing
		}
		return errors.Join(err, closed)
	}
	select {
	case <-ctx.Done():
		o.Logger.Info("stopping")
	case err = <-a.Failed():
		err = fmt.Errorf("serve: %w", err)
	case <-a.store.failed:
		err = a.store.Err()
	}
	err = errors.Join(err, a.Stop(), a.Close())
	if err == nil {
		o.Logger.Info("stopped")
	}
	return err
}

// start runs the parts behind the webhooks, and returns the function that Stop calls.
func (p *parts) start(ctx context.Context, o *Options) (stop func() error, err error) {
	ctx = context.WithoutCancel(ctx)
	push, err := p.startPush(ctx, o)
	if err != nil {
		return nil, err
	}
	p.awaited.isServing, p.awaited.isConfigured = true, !o.Config.Backfill.Since.IsZero()
	repair := p.newRepair(o)
	stopProcessing := p.process(ctx, repair.WaitFirst)
	stopRepair := runInBackground(ctx, repair.Run)
	stopBackfills := runInBackground(ctx, func(ctx context.Context) { p.runBackfills(ctx, o) })
	return func() error {
		deadline := time.Now().Add(stopTimeout)
		p.server.stop(ctx, requestsTimeout)
		p.flushLogs()
		stopBackfills()
		stopRepair()
		stopped := stopProcessing()
		_ = withTimeout(ctx, min(lastPushTimeout, time.Until(deadline)), func(ctx context.Context) error {
			var pushing sync.WaitGroup
			pushing.Go(func() { _ = push.Stop(ctx) })
			pushing.Go(func() { _ = p.traces.Stop(ctx) })
			pushing.Wait()
			return nil
		})
		return stopped
	}, nil
}

// process runs the parts that process deliveries, and returns the function that stops them: it processes the accepted deliveries and
// writes the last checkpoint. Nothing is evaluated before ready returns.
func (p *parts) process(ctx context.Context, ready func(context.Context)) (stop func() error) {
	ctx = context.WithoutCancel(ctx)
	stopClock := runInBackground(ctx, p.clock.Run)
	stopProcessor := runInBackground(ctx, p.processor.Run)
	stopSharing := func() {}
	if p.store.pauses != nil {
		stopSharing = runInBackground(ctx, func(ctx context.Context) { p.github.SharePauses(ctx, p.store.pauses) })
	}
	stopLookups := runInBackground(ctx, p.lookups.Run)
	stopEvaluator := runInBackground(ctx, func(ctx context.Context) {
		ready(ctx)
		p.evaluator.Run(ctx)
	})
	stopDays := runInBackground(ctx, p.days.Run)
	stopProjection := runInBackground(ctx, p.projection.Run)
	stopRetention := runInBackground(ctx, p.retention.Run)
	return func() error {
		stopProcessor()
		drained := withTimeout(ctx, drainTimeout, p.processor.Drain)
		if errors.Is(drained, context.DeadlineExceeded) {
			drained = nil // the next start processes the rest
		}
		stopRetention()
		stopLookups()
		stopEvaluator()
		stopSharing()
		stopDays()
		stopClock()
		stopProjection()
		return errors.Join(drained, withTimeout(ctx, checkpointTimeout, p.projection.Finish))
	}
}

// runInBackground starts f. The returned function cancels f's context and waits for its end.
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
