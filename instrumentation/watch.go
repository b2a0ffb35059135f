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
type watch struct {
	// signal is metrics or traces, then what becomes of what can't be pushed.
	signal, then string
	to           Receiver
	logger       *slog.Logger
	// count counts exports by result.
	count func(result string, n int64)

	// ending ends, by cut, when there is no time left for an export.
	ending context.Context
	cut    context.CancelFunc

	mu  sync.Mutex
	was string // the result before
}

// The results of an export.
const (
	exportOK      = "ok"
	exportPartial = "partial"
	exportError   = "error"
)

func newWatch(signal, then string, to Receiver, logger *slog.Logger, count func(result string, n int64)) *watch {
	for _, result := range []string{exportOK, exportPartial, exportError} {
		count(result, 0) // so that the first of each is seen as an increase
	}
	ending, cut := context.WithCancel(context.Background())
	return &watch{ending: ending, cut: cut, signal: signal, then: then, to: to, logger: logger, count: count, was: exportOK}
}

// amidTheEnd is how long an export goes on when the end comes amid it: what the receiver has got by then, it would get again with
// the last push.
const amidTheEnd = 2 * time.Second

// limit bounds an export. It goes on for a while when ctx is cancelled, but not beyond the end of ending.
func (w *watch) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.to.Timeout)
	atEnd := context.AfterFunc(w.ending, cancel)
	atCancel := context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.Canceled) {
			time.AfterFunc(amidTheEnd, cancel)
			return
		}
		cancel()
	})
	return limited, func() { atEnd(); atCancel(); cancel() }
}

// note says how an export went, and returns its result.
func (w *watch) note(err error) string {
	result := exportResult(err)
	w.count(result, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if result == w.was {
		return result
	}
	w.was = result
	switch result {
	case exportError:
		w.logger.Error("can't push "+w.signal+", "+w.then, "endpoint", w.to.Address(), "error", w.to.told(err))
	case exportPartial:
		w.logger.Warn("the receiver refuses a part of the "+w.signal+", which is not sent again", "endpoint", w.to.Address(), "error", w.to.told(err))
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
