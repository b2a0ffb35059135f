package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Pushed returns the position up to which the receiver of deltas has all facts; false if none is stored.
func (s *Store) Pushed(ctx context.Context) (position int64, known bool, err error) {
	err = s.queryRow(ctx, "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'pushed'", &position)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return 0, false, nil
	case err != nil:
		return 0, false, fmt.Errorf("read the pushed position: %w", err)
	}
	return position, true, nil
}

// SetPushed stores the position up to which the receiver of deltas has all facts.
func (s *Store) SetPushed(ctx context.Context, position int64) error {
	err := s.update(ctx, func(t *tx) error {
		_, err := t.exec("INSERT INTO meta (key, value) VALUES ('pushed', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", position)
		return err
	})
	if err != nil {
		return fmt.Errorf("store the pushed position: %w", err)
	}
	return nil
}

// ForgetPushed removes the stored position, when deltas are no longer pushed.
func (s *Store) ForgetPushed(ctx context.Context) error {
	if _, known, err := s.Pushed(ctx); err != nil || !known {
		return err
	}
	err := s.update(ctx, func(t *tx) error {
		_, err := t.exec("DELETE FROM meta WHERE key = 'pushed'")
		return err
	})
	if err != nil {
		return fmt.Errorf("remove the pushed position: %w", err)
	}
	return nil
}
