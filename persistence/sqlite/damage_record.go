package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"dora-exporter/internal/localfile"
)

// Damage that is found while the database is used is recorded in a file beside it, so that a restart does not accept deliveries until it is found
// again. The file alone refuses no start: it has the start check all of the database, which may be another one by then.

// recordSuffix is what the name of the file has beside that of the database.
const recordSuffix = ".damage"

// recordDamage writes the file.
func (s *Store) recordDamage(damage error) error {
	path := s.path + recordSuffix
	text := fmt.Sprintf(`%s: %v

The database has the store id %s. dora-exporter writes nothing to it any more. Restore a backup: see "Restore a backup" in docs/operations.md.
The next start checks all of the database. If it finds no damage, it removes this file and continues.
`, time.Now().UTC().Format(time.RFC3339), damage, s.ID())
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return localfile.Error("write", path, err)
	}
	_, err = file.WriteString(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return localfile.Error("write", path, err)
	}
	return localfile.SyncFolder(filepath.Dir(path))
}

// checkRecorded checks all of the database if damage was recorded, and removes the file if it finds none.
func (s *Store) checkRecorded(ctx context.Context) error {
	path := s.path + recordSuffix
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	s.logger.Warn("the database was found damaged, checking all of it before it is used", "database", s.path, "record", path)
	if err := s.reader.checkAll(ctx, 0); err != nil {
		return fmt.Errorf("%w (%s says what was found before)", err, path)
	}
	if err := os.Remove(path); err != nil {
		return localfile.Error("remove", path, err)
	}
	s.logger.Info("the database has no damage any more, continuing with it", "database", s.path)
	return localfile.SyncFolder(filepath.Dir(path))
}
