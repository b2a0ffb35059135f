package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Pushed is the position up to which all facts have arrived at the receiver of deltas; false when nobody has noted one.
func (s *Store) Pushed(ctx context.Context) (position int64, known bool, err error) {
	err = s.queryRow(ctx, "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'pushed'", &position)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return 0, false, nil
	case err != nil:
		return 0, false, fmt.Errorf("read what has been pushed: %w", err)
	}
	return position, true, nil
}

// SetPushed notes that position.
func (s *Store) SetPushed(ctx context.Context, position int64) error {
	err := s.update(ctx, func(t *tx) error {
		_, err := t.exec("INSERT INTO meta (key, value) VALUES ('pushed', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", position)
		return err
	})
	if err != nil {
		return fmt.Errorf("note what has been pushed: %w", err)
	}
	return nil
}

// ForgetPushed removes it: nobody takes deltas any more.
func (s *Store) ForgetPushed(ctx context.Context) error {
	if _, known, err := s.Pushed(ctx); err != nil || !known {
		return err
	}
	err := s.update(ctx, func(t *tx) error {
		_, err := t.exec("DELETE FROM meta WHERE key = 'pushed'")
		return err
	})
	if err != nil {
		return fmt.Errorf("forget what has been pushed: %w", err)
	}
	return nil
}
