package catalog

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"dora-exporter/dora"
)

// outage suspends calls to Backstage while it does not answer: after each failure in a row calls fail at once for a longer time, then
// a single call probes whether Backstage answers again.
type outage struct {
	logger *slog.Logger

	mu sync.Mutex
	// failures counts failures in a row, err is the last of them, and retry is when the next call may be made.
	failures int
	err      error
	retry    time.Time
	// probing is true while the probe is under way.
	probing bool
	// changes counts failures and recoveries. A failed call is ignored if there was one since it began.
	changes int
}

// begin permits a call, or returns an error if none may be made now. Its result must be passed to end after the call.
func (o *outage) begin() (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failures > 0 {
		if o.probing || time.Now().Before(o.retry) {
			return 0, fmt.Errorf("calls are suspended after: %w", o.err)
		}
		o.probing = true
	}
	return o.changes, nil
}

// end records the outcome of a call. An answer ends the outage, whenever its call began; calls that fail together count once.
func (o *outage) end(began int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case err == nil && o.failures > 0:
		o.logger.Info("Backstage answers again")
		o.failures, o.err = 0, nil
	case err != nil && began == o.changes:
		if o.failures == 0 || problemOf(err) != problemOf(o.err) {
			o.logger.Error("calling Backstage failed, will retry", "error", err)
		}
		o.failures++
		o.err, o.retry = err, time.Now().Add(dora.Backoff(o.failures))
	default:
		return
	}
	o.probing = false
	o.changes++
}

// problem returns what has to be changed in the configuration to end the outage; empty if there is none.
func (o *outage) problem() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return problemOf(o.err)
}
