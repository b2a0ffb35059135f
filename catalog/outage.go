package catalog

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"dora-exporter/dora"
)

// outage keeps calls away from Backstage while it does not answer, so that an outage costs neither time nor a storm of
// calls: after each failure in a row all wait longer, then a single call finds out.
type outage struct {
	logger *slog.Logger

	mu sync.Mutex
	// failures in a row, the last of them, and until when no call is made.
	failures int
	err      error
	retry    time.Time
	// probing is set while the call that finds out is under way.
	probing bool
	// changes counts failures and recoveries: a call that failed tells nothing new when there was one since it began.
	changes int
}

// begin lets a call begin, or says why none is to be made now. What it returns is given to end, once, after the call.
func (o *outage) begin() (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failures > 0 {
		if o.probing || time.Now().Before(o.retry) {
			return 0, fmt.Errorf("waiting to ask again after: %w", o.err)
		}
		o.probing = true
	}
	return o.changes, nil
}

// end notes how a call went. An answer ends the outage, whenever its call began; calls that fail together are one failure.
func (o *outage) end(began int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case err == nil && o.failures > 0:
		o.logger.Info("Backstage answers again")
		o.failures, o.err = 0, nil
	case err != nil && began == o.changes:
		if o.failures == 0 {
			o.logger.Error("Backstage does not answer, trying again", "error", err)
		}
		o.failures++
		o.err, o.retry = err, time.Now().Add(dora.Backoff(o.failures))
	default:
		return
	}
	o.probing = false
	o.changes++
}
