package postgres

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Patience is how long a server waits for its database when it starts.
const Patience = 30 * time.Second

// Await calls f until it returns another error than that the database can't be reached, is being started or takes no more connections,
// until ctx ends, or until patience is over. It returns the error of the last call.
func Await(ctx context.Context, patience time.Duration, logger *slog.Logger, f func() error) error {
	end := time.Now().Add(patience)
	err := f()
	if patience > 0 && isAway(err) && ctx.Err() == nil {
		logger.Warn("the database is not available, waiting for it", "timeout", patience, "error", err)
	}
	for isAway(err) && time.Now().Before(end) {
		select {
		case <-ctx.Done():
			return err
		case <-time.After(retryInterval):
		}
		err = f()
	}
	return err
}

// isAway reports whether the same attempt may succeed a moment later.
func isAway(err error) bool {
	var configuration *pgconn.ParseConfigError // a file that it names may be missing, which looks like an error of the network
	return (isDisconnect(err) || isBusy(err)) && tlsRemedy(err) == "" && !errors.As(err, &configuration)
}
