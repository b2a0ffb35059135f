package sqlite

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dora-exporter/internal/localfile"
)

// Of two backups to one file, that which ends first makes it, and the other one says that it is there.
func TestTwoBackupsToOneFile(t *testing.T) {
	s := openStore(t)
	addFact(t, s, "a", "b")
	first, err := OpenReader(t.Context(), s.path)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	first.chunk = 4096
	folder := t.TempDir()
	file := filepath.Join(folder, "backup.db")
	began := false
	ctx := betweenParts{t.Context(), func() {
		if began || len(first.files) == 0 {
			return
		}
		began = true
		if checked, err := s.reader.Backup(t.Context(), file, true); !checked || err != nil {
			t.Errorf("the second backup: checked %t, %v", checked, err)
		}
	}}
	if _, err := first.Backup(ctx, file, true); err == nil || !strings.Contains(err.Error(), "already exists") {
		t.Errorf("the first backup: %v", err)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v; want one file", entries, err)
	}
	if facts, err := reopenStore(t, file).Facts(t.Context(), 0, 10); err != nil || len(facts) != 2 {
		t.Errorf("the backup has %d facts, %v, want 2", len(facts), err)
	}
}

// A backup removes what killed ones have left in the folder, whatever their files were called, and nothing else.
func TestBackupRemovesWhatWasLeft(t *testing.T) {
	s := openStore(t)
	folder := t.TempDir()
	reopenStore(t, filepath.Join(folder, "backup.db.tmp")).Close()
	for _, name := range []string{partialPrefix + "left", partialPrefix + "used", partialPrefix + "other"} {
		if err := os.Mkdir(filepath.Join(folder, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(folder, partialPrefix+"left", partialFile), "half")
	write(t, filepath.Join(folder, partialPrefix+"left", partialFile+"-wal"), "half")
	write(t, filepath.Join(folder, partialPrefix+"used", partialFile), "half")
	write(t, filepath.Join(folder, partialPrefix+"other", "notes"), "of a person")
	lock, err := localfile.TakeLock(filepath.Join(folder, partialPrefix+"used", partialLock), "folder", "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Release() }()
	if _, err := s.reader.Backup(t.Context(), filepath.Join(folder, "backup.db"), true); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		"backup.db": true, "backup.db.tmp": true, partialPrefix + "left": false,
		partialPrefix + "used/" + partialFile: true, partialPrefix + "other/notes": true,
	} {
		if _, err := os.Stat(filepath.Join(folder, name)); (err == nil) != want {
			t.Errorf("%s: %v, want it there: %t", name, err, want)
		}
	}
}
