package pipeline

import (
	"log/slog"
	"sync/atomic"
)

// health remembers whether one thing works and logs each change once.
type health struct {
	failed atomic.Pointer[error]
}

// set notes the outcome of one more attempt at what.
func (h *health) set(logger *slog.Logger, what string, err error) {
	was := h.err()
	switch {
	case err != nil && was == nil:
		logger.Error("can't "+what+", trying again", "error", err)
	case err == nil && was != nil:
		logger.Info("can " + what + " again")
	}
	h.failed.Store(&err)
}

// err is the outcome of the last attempt.
func (h *health) err() error {
	if err := h.failed.Load(); err != nil {
		return *err
	}
	return nil
}
