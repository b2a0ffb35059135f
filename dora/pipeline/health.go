package pipeline

import (
	"log/slog"
	"sync/atomic"
)

// health remembers whether an activity works, and logs each change once.
type health struct {
	last atomic.Pointer[error]
}

// set records the result of another attempt at an activity, such as "reading facts".
func (h *health) set(logger *slog.Logger, activity string, err error) {
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
func (h *health) err() error {
	if err := h.last.Load(); err != nil {
		return *err
	}
	return nil
}
