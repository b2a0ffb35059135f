package app

import (
	"log/slog"
	"sync"
	"time"
)

const (
	// acceptRecovery is how long accepting must work until that is logged. It is longer than acceptPause.
	acceptRecovery = 2 * time.Second
	// acceptLogInterval bounds how often the beginning is logged: anybody can cause it.
	acceptLogInterval = time.Minute
)

// acceptFailures counts failures to accept connections, and logs when they begin and end.
type acceptFailures struct {
	count  func()
	logger *slog.Logger

	mu sync.Mutex
	// failed is the number of failures since the last log line. logged reports whether their beginning was logged.
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
		a.logger.Error("accepting connections failed, will retry; check the limit on open files (ulimit -n)", "error", err)
	}
	if a.recovery == nil {
		a.recovery = time.AfterFunc(acceptRecovery, a.flush)
		return
	}
	a.recovery.Reset(acceptRecovery)
}

// flush logs the end of the failures if their beginning was logged.
func (a *acceptFailures) flush() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.logged {
		a.logger.Info("accepting connections works again", "failures", a.failed)
		a.logged, a.failed = false, 0
	}
}
