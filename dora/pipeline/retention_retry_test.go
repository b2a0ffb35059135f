package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
)

// failingOnce fails the first transaction.
type failingOnce struct {
	dora.Transactor
	failed bool
}

func (s *failingOnce) Update(ctx context.Context, f func(dora.Tx) error) error {
	if !s.failed {
		s.failed = true
		return errors.New("connection refused")
	}
	return s.Transactor.Update(ctx, f)
}

// After a failure, what is due once an hour is tried again soon. The log does not name a retention that is not configured.
func TestRetentionFails(t *testing.T) {
	for name, test := range map[string]struct {
		keep time.Duration
		want string
	}{
		"without a retention": {0, "storing when deliveries arrived"},
		"with a retention":    {100 * 24 * time.Hour, "removing what is older than storage.retention"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, x := newEmptyHistory(t)
				var log bytes.Buffer
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				retention := &pipeline.Retention{
					Store: &failingOnce{Transactor: x.store}, Rules: x.rules(), Logger: slog.New(slog.NewTextHandler(&log, nil)), Keep: test.keep, Now: time.Now,
					OnRemoved: func(dora.Removed) {},
				}
				retention.Run(ctx)
				for _, text := range []string{test.want + " failed, will retry", "connection refused", test.want + " works again"} {
					if !strings.Contains(log.String(), text) {
						t.Errorf("the log lacks %q:\n%s", text, log.String())
					}
				}
			})
		})
	}
}
