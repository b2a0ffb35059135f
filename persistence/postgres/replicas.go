package postgres

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"dora-exporter/persistence/sqlstore"
)

// What replicas tell each other besides the records. These statements change nothing that rules read, so they need no lock of the store.

// claimPush leases the push to a replica unless another one holds the lease: any but the client $4, if it has not prolonged the lease
// since its until was $5. until grows with each claim, even if the database's clock was set back.
const claimPush = `INSERT INTO leases (queue, key, client, until) VALUES ($1::bytea, '', $2::bytea, ` + millis + ` + $3)
	ON CONFLICT (queue, key) DO UPDATE SET client = excluded.client, until = greatest(excluded.until, leases.until + 1)
	WHERE leases.client = excluded.client OR leases.client = $4::bytea AND leases.until = $5`

// othersPush is the lease on the push as another process has last claimed or prolonged it.
type othersPush struct {
	mu     sync.Mutex
	client []byte
	until  int64
	// since is when this process saw it first.
	since time.Time
}

// ClaimPush leases the push of metrics to this process for a term, from now on, and reports whether it did: false if another process holds
// the lease. The lease of a process lapses for another one that has asked for it for a term without finding it prolonged: no clocks are
// compared, so none of them needs to be right. All processes must ask for the same term.
func (s *Store) ClaimPush(ctx context.Context, term time.Duration) (bool, error) {
	o := &s.othersPush
	o.mu.Lock()
	defer o.mu.Unlock()
	client := o.client
	if time.Since(o.since) < term {
		client = nil
	}
	n, err := s.tell(ctx, claimPush, []byte(sqlstore.PushQueue), []byte(s.PushHolder()), term.Milliseconds(), client, o.until)
	if err == nil && n == 0 {
		err = s.seePush(ctx, o)
	}
	if err != nil {
		return false, fmt.Errorf("claim the push of metrics: %w", err)
	}
	return n > 0, nil
}

// seePush reads the lease of another process.
func (s *Store) seePush(ctx context.Context, o *othersPush) error {
	var client []byte
	var until int64
	err := s.engine.db.QueryRowContext(ctx, s.engine.dialect.constant("SELECT client, until FROM leases WHERE queue = $1::bytea"), []byte(sqlstore.PushQueue)).
		Scan(&client, &until)
	if errors.Is(err, sql.ErrNoRows) { // it has just been released
		return nil
	}
	if err == nil && (until != o.until || !bytes.Equal(client, o.client)) {
		o.client, o.until, o.since = client, until, time.Now()
	}
	return err
}

// ReleasePush gives the lease up if this process holds it.
func (s *Store) ReleasePush(ctx context.Context) error {
	_, err := s.tell(ctx, "DELETE FROM leases WHERE queue = $1::bytea AND client = $2::bytea", []byte(sqlstore.PushQueue), []byte(s.PushHolder()))
	if err != nil {
		return fmt.Errorf("release the push of metrics: %w", err)
	}
	return nil
}

// SetPause stores why calls to GitHub with a token are paused for a time from now on, by the store's clock, or, without a reason, that they are
// not. token is a name for it.
func (s *Store) SetPause(ctx context.Context, token, reason string, wait time.Duration) error {
	statement, args := "DELETE FROM github_pauses WHERE token = $1::bytea", []any{[]byte(token)}
	if reason != "" {
		statement = "INSERT INTO github_pauses (token, reason, until) VALUES ($1::bytea, $2::bytea, " + storeMillis + " + $3) " +
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
	err = s.engine.db.QueryRowContext(ctx, s.engine.dialect.constant("SELECT reason, greatest(0, until - "+storeMillis+") FROM github_pauses WHERE token = $1::bytea"),
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
	result, err := s.engine.db.ExecContext(ctx, s.engine.dialect.constant(statement), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
