package pipeline

import (
	"log/slog"
	"sync/atomic"
)

// Health remembers whether an activity works, and logs each change once. Its zero value is that of one that works.
type Health struct {
	last atomic.Pointer[error]
}

// Set records the result of another attempt at an activity, such as "reading facts".
func (h *Health) Set(logger *slog.Logger, activity string, err error) {
	previous := h.err()
	switch {
	case err != nil && previous == nil:
		logger.Error(activity+" failed, will retry", "error", err)
	case err == nil && previous != nil:
		logger.Info(activity + " works again")
	}
	h.last.Store(&err)
}

// err returns the result of the last attempt.
func (h *Health) err() error {
	if err := h.last.Load(); err != nil {
		return *err
	}
	return nil
}
