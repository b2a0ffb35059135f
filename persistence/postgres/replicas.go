package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"dora-exporter/persistence/sqlstore"
)

// What replicas tell each other besides the records. These statements change nothing that rules read, so they need no lock of the store.

// claimPush leases the push to a replica unless another one holds the lease. Times are rounded to milliseconds, so that
// one is added: the lease is never shorter than the term.
const claimPush = `INSERT INTO leases (queue, key, client, until) VALUES ($1::bytea, '', $2::bytea, ` + millis + ` + $3 + 1)
	ON CONFLICT (queue, key) DO UPDATE SET client = excluded.client, until = excluded.until
	WHERE leases.client = excluded.client OR leases.until <= ` + millis

// ClaimPush leases the push of metrics to this process for a term, from now on by the database's clock, and reports whether it did: false
// if another process holds the lease.
func (s *Store) ClaimPush(ctx context.Context, term time.Duration) (bool, error) {
	n, err := s.tell(ctx, claimPush, []byte(sqlstore.PushQueue), []byte(s.PushHolder()), term.Milliseconds())
	if err != nil {
		return false, fmt.Errorf("claim the push of metrics: %w", err)
	}
	return n > 0, nil
}

// ReleasePush gives the lease up if this process holds it.
func (s *Store) ReleasePush(ctx context.Context) error {
	_, err := s.tell(ctx, "DELETE FROM leases WHERE queue = $1::bytea AND client = $2::bytea", []byte(sqlstore.PushQueue), []byte(s.PushHolder()))
	if err != nil {
		return fmt.Errorf("release the push of metrics: %w", err)
	}
	return nil
}

// SetPause stores why calls to GitHub with a token are paused for a time from now on, or, without a reason, that they are not. token is a
// name for it.
func (s *Store) SetPause(ctx context.Context, token, reason string, wait time.Duration) error {
	statement, args := "DELETE FROM github_pauses WHERE token = $1::bytea", []any{[]byte(token)}
	if reason != "" {
		statement = "INSERT INTO github_pauses (token, reason, until) VALUES ($1::bytea, $2::bytea, " + millis + " + $3) " +
			"ON CONFLICT (token) DO UPDATE SET reason = excluded.reason, until = excluded.until"
		args = append(args, []byte(reason), wait.Milliseconds())
	}
	if _, err := s.tell(ctx, statement, args...); err != nil {
		return fmt.Errorf("store the pause of calls to GitHub: %w", err)
	}
	return nil
}

// Pause returns what SetPause stored last, and how much of the time is left, 0 if it is over.
func (s *Store) Pause(ctx context.Context, token string) (reason string, left time.Duration, err error) {
	var text []byte
	var millisLeft int64
	err = s.engine.db.QueryRowContext(ctx, s.engine.dialect.qualify("SELECT reason, greatest(0, until - "+millis+") FROM github_pauses WHERE token = $1::bytea"),
		[]byte(token)).Scan(&text, &millisLeft)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", 0, fmt.Errorf("read the pause of calls to GitHub: %w", err)
	}
	return string(text), time.Duration(millisLeft) * time.Millisecond, nil
}

// tell executes a statement as a transaction of its own, and returns how many rows it has changed.
func (s *Store) tell(ctx context.Context, statement string, args ...any) (int64, error) {
	if err := s.engine.failure(); err != nil {
		return 0, err
	}
	result, err := s.engine.db.ExecContext(ctx, s.engine.dialect.qualify(statement), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
