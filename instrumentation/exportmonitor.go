package instrumentation

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"
)

// watch counts exports, and logs when they begin to fail and when they work again.
type exportMonitor struct {
	// signal is metrics or traces, then what becomes of what can't be pushed.
	signal, action string
	to             Receiver
	logger         *slog.Logger
	// count counts exports by result.
	count func(result string, n int64)

	// ending ends, by cut, when there is no time left for an export.
	shutdown context.Context
	abort    context.CancelFunc

	mu         sync.Mutex
	lastResult string // the result before
}

// The results of an export.
const (
	exportOK      = "ok"
	exportPartial = "partial"
	exportError   = "error"
)

func newExportMonitor(signal, then string, to Receiver, logger *slog.Logger, count func(result string, n int64)) *exportMonitor {
	for _, result := range []string{exportOK, exportPartial, exportError} {
		count(result, 0) // so that the first of each is seen as an increase
	}
	ending, cut := context.WithCancel(context.Background())
	return &exportMonitor{shutdown: ending, abort: cut, signal: signal, action: then, to: to, logger: logger, count: count, lastResult: exportOK}
}

// amidTheEnd is how long an export goes on when the end comes amid it: what the receiver has got by then, it would get again with
// the last push.
const shutdownGrace = 2 * time.Second

// limit bounds an export. It goes on for a while when ctx is cancelled, but not beyond the end of ending.
func (w *exportMonitor) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.to.Timeout)
	atEnd := context.AfterFunc(w.shutdown, cancel)
	atCancel := context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.Canceled) {
			time.AfterFunc(shutdownGrace, cancel)
			return
		}
		cancel()
	})
	return limited, func() { atEnd(); atCancel(); cancel() }
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
	switch result {
	case exportError:
		w.logger.Error("can't push "+w.signal+", "+w.action, "endpoint", w.to.Address(), "error", w.to.redact(err))
	case exportPartial:
		w.logger.Warn("the receiver refuses a part of the "+w.signal+", which is not sent again", "endpoint", w.to.Address(), "error", w.to.redact(err))
	default:
		w.logger.Info("can push "+w.signal+" again", "endpoint", w.to.Address())
	}
	return result
}

// exportResult tells by an exporter's error, whose type for what is refused in part is not exported. A receiver may also say
// something and refuse nothing: that is a warning.
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

var nothingRefused = regexp.MustCompile(`\(0 [a-z ]+ rejected\)$`)
