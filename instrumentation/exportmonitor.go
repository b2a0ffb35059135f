package instrumentation

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"dora-exporter/internal/lazyregexp"
)

// exportMonitor counts the results of exports, and logs when they begin to fail and when they work again.
type exportMonitor struct {
	// signal is metrics or traces, action what the program does about a failure.
	signal, action string
	// temporality is that of metrics.
	temporality string
	to          Receiver
	logger      *slog.Logger
	// count counts exports by result.
	count func(result string, n int64)

	// shutdown is cancelled, by abort, when no time is left for an export.
	shutdown context.Context
	abort    context.CancelFunc

	mu         sync.Mutex
	lastResult string
}

// The results of an export.
const (
	exportOK      = "ok"
	exportPartial = "partial"
	exportError   = "error"
)

func newExportMonitor(signal, action string, to Receiver, logger *slog.Logger, count func(result string, n int64)) *exportMonitor {
	for _, result := range []string{exportOK, exportPartial, exportError} {
		count(result, 0) // so that increase sees the first of each
	}
	shutdown, abort := context.WithCancel(context.Background())
	return &exportMonitor{shutdown: shutdown, abort: abort, signal: signal, action: action, to: to, logger: logger, count: count, lastResult: exportOK}
}

// shutdownGrace is how long an export that is under way at shutdown may continue. If it were cancelled, the receiver might
// have taken it, and would get the same again with the last push.
const shutdownGrace = 2 * time.Second

// limit returns the context of an export. It outlives ctx by shutdownGrace when ctx is cancelled, but ends with shutdown.
func (w *exportMonitor) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.to.Timeout)
	stopShutdown := context.AfterFunc(w.shutdown, cancel)
	stopCancel := context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.Canceled) {
			time.AfterFunc(shutdownGrace, cancel)
			return
		}
		cancel()
	})
	return limited, func() { stopShutdown(); stopCancel(); cancel() }
}

// record says how an export went, and returns its result.
func (w *exportMonitor) record(err error) string {
	result := exportResult(err)
	w.count(result, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if result == w.lastResult {
		return result
	}
	w.lastResult = result
	logger := w.logger.With("endpoint", w.to.Address())
	if err != nil {
		logger = logger.With("error", w.to.redact(err))
		if set := remedy(err, w.temporality); set != "" {
			logger = logger.With("remedy", set)
		}
	}
	switch result {
	case exportError:
		logger.Error("pushing " + w.signal + " failed, " + w.action)
	case exportPartial:
		logger.Warn("receiver rejected a part of the " + w.signal + ", not sending it again")
	default:
		w.logger.Info("pushing "+w.signal+" works again", "endpoint", w.to.Address())
	}
	return result
}

// exportResult classifies an exporter's error by its text, since its type for a partial success is not exported. A partial
// success that rejects nothing is a warning of the receiver, and the export is ok.
// https://opentelemetry.io/docs/specs/otlp/#partial-success-1
func exportResult(err error) string {
	switch {
	case err == nil:
		return exportOK
	case !strings.Contains(err.Error(), "OTLP partial success"):
		return exportError
	case nothingRefused.MatchString(err.Error()):
		return exportOK
	}
	return exportPartial
}

var nothingRefused = lazyregexp.New(`\(0 [a-z ]+ rejected\)$`)
