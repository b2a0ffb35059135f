package app

import (
	"context"
	"errors"

	"dora-exporter/config"
	"dora-exporter/persistence/sqlstore"
	"dora-exporter/report"
)

// Report computes the five DORA measures from all events, beside a running server or without one.
func Report(ctx context.Context, c *config.Config, o report.Options) (made report.Report, err error) {
	err = withReader(ctx, c, func(r *sqlstore.Reader) (err error) {
		made, err = report.FromEvents(ctx, r, c.Policy, o)
		return err
	})
	return made, err
}

// Backup copies the database to a new file, beside a running server or without one. It reports whether it has checked the copy, which
// it does if the file is small, or with check.
func Backup(ctx context.Context, c *config.Config, to string, check bool) (checked bool, err error) {
	return backUp(ctx, c, to, check)
}

// DeadLetters returns the deliveries that can't be processed, beside a running server or without one.
func DeadLetters(ctx context.Context, c *config.Config) (all []sqlstore.DeadLetter, err error) {
	err = withReader(ctx, c, func(r *sqlstore.Reader) (err error) {
		all, err = r.DeadLetters(ctx)
		return err
	})
	return all, err
}

// RetryDeliveries makes dead letters pending again, all or those with the given IDs, and returns their number. A server
// processes them.
func RetryDeliveries(ctx context.Context, c *config.Config, ids ...int64) (int64, error) {
	return retryDeadLetters(ctx, c, ids)
}

// withReader opens the database for reading and runs f.
func withReader(ctx context.Context, c *config.Config, f func(*sqlstore.Reader) error) error {
	r, err := openReader(ctx, c)
	if err != nil {
		return err
	}
	return errors.Join(f(r), r.Close())
}
