package sqlstore

import (
	"fmt"

	"dora-exporter/dora"
)

// CorruptError reports that the store is damaged. No value can be trusted then; the remedy is a backup.
type CorruptError struct {
	Path string
	// What describes the damage and where it is.
	What string
	Err  error
}

func (e *CorruptError) Error() string {
	text := fmt.Sprintf("database %s is damaged: %s", e.Path, e.What)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text + "; stop the program, move the database away (a file of SQLite with those beside it, -wal and -shm), and restore a backup of it"
}

// Unwrap returns the engine's error, if the engine found the damage.
func (e *CorruptError) Unwrap() error { return e.Err }

// Is reports whether target is dora.ErrDamaged.
func (e *CorruptError) Is(target error) bool { return target == dora.ErrDamaged }
