package app

import (
	"log/slog"
	"sync"
	"time"
)

const (
	// acceptedAgainAfter is how long no attempt has failed when it is over. It is longer than acceptPause.
	acceptRecovery = 2 * time.Second
	// acceptLogEvery bounds how often it is logged that it begins: anybody can cause it.
	acceptLogInterval = time.Minute
)

// acceptFailures logs when accepting connections begins to fail and when that is over, and counts the failures.
type acceptFailures struct {
	count  func()
	logger *slog.Logger

	mu sync.Mutex
	// failed is the number of failures since the last line about them, logged is set when their beginning was logged.
	failed   int
	logged   bool
	loggedAt time.Time
	recovery *time.Timer
}

func newAcceptFailures(count func(), logger *slog.Logger) *acceptFailures {
	return &acceptFailures{count: count, logger: logger}
}

func (a *acceptFailures) add(err error) {
	a.count()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failed++
	if !a.logged && (a.loggedAt.IsZero() || time.Since(a.loggedAt) >= acceptLogInterval) {
		a.logged, a.loggedAt = true, time.Now()
		a.logger.Error("can't accept connections, trying again until it works; is the limit on open files (ulimit -n) too low?", "error", err)
	}
	if a.recovery == nil {
		a.recovery = time.AfterFunc(acceptRecovery, a.flush)
		return
	}
	a.recovery.Reset(acceptRecovery)
}

// flush logs that it is over, if it has been logged that it began.
func (a *acceptFailures) flush() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.logged {
		a.logger.Info("connections are accepted again", "failures", a.failed)
		a.logged, a.failed = false, 0
	}
}
