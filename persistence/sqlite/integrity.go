package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"os"
)

// checkBelow is the file size up to which the whole file is checked at the start, which takes about a second. In larger files,
// rows are checked when they are read.
const checkBelow = 64 << 20

// checkIntegrity looks for damage in the file, including its indexes. It skips large files.
func checkIntegrity(ctx context.Context, db *sql.DB, path string) error {
	if large, err := isLarge(path); large || err != nil {
		return err
	}
	var result string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&result); err != nil {
		return fmt.Errorf("check database %s: %w", path, err)
	}
	if result != "ok" {
		return &CorruptError{Path: path, What: result}
	}
	return nil
}

func isLarge(path string) (bool, error) {
	info, err := os.Stat(path)
	return err == nil && info.Size() >= checkBelow, err
}

// checkState looks for missing facts and for checksum mismatches in the rows that later events build upon. The checksums of facts
// are checked when they are read.
func checkState(ctx context.Context, db *sql.DB, path string) error {
	if large, err := isLarge(path); large || err != nil {
		return err
	}
	var facts, last int64
	err := db.QueryRowContext(ctx, "SELECT count(*), coalesce(max(position), 0) FROM facts").Scan(&facts, &last)
	if err != nil {
		return fmt.Errorf("count the facts in database %s: %w", path, err)
	}
	if facts != last {
		return &CorruptError{Path: path, What: fmt.Sprintf("it has %d facts and the last one's position is %d", facts, last)}
	}
	return checkRows(ctx, db, path)
}
