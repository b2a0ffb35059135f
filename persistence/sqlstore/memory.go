package sqlstore

import (
	"context"
	"fmt"
)

// ReleaseMemory releases the caches of the connections. It is called after the values are restored, which reads and perhaps writes far
// more at once than the exporter does later.
func (s *Store) ReleaseMemory(ctx context.Context) error {
	s.connections.CloseIdle()
	err := s.update(ctx, func(t *tx) error { return t.connection.ReleaseMemory() })
	if err != nil {
		return fmt.Errorf("release the memory of database %s: %w", s.path, err)
	}
	return nil
}
