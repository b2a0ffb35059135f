package sqlite

import (
	"context"
	"fmt"
)

// ReleaseMemory releases the caches of SQLite. It is called after the values are restored, which reads and perhaps writes far more at
// once than the exporter does later.
func (s *Store) ReleaseMemory(ctx context.Context) error {
	s.db.SetMaxIdleConns(0)
	s.db.SetMaxIdleConns(maxReadConns)
	err := s.update(ctx, func(t *tx) error {
		_, err := t.exec("PRAGMA shrink_memory")
		return err
	})
	if err != nil {
		return fmt.Errorf("release the memory of database %s: %w", s.path, err)
	}
	return nil
}
