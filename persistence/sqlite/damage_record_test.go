package sqlite

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Damage that was found keeps the next start from using the database, but not another one in its place.
func TestDamageIsRecorded(t *testing.T) {
	s := openStore(t)
	accept(t, s, "a")
	backup := filepath.Join(t.TempDir(), "backup.db")
	if _, err := s.reader.Backup(t.Context(), backup, true); err != nil {
		t.Fatal(err)
	}
	addFact(t, s, "a", "b", "c")
	tamper(t, s.path, "UPDATE facts SET value = 2 WHERE position = 2") // which a start does not find
	if again := s.check(t.Context(), 0); again != 0 {
		t.Errorf("checked again after %s", again)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	record, err := os.ReadFile(s.path + ".damage")
	if err != nil || !strings.Contains(string(record), "checksum") || !strings.Contains(string(record), s.ID()) {
		t.Errorf("the record is %q, %v", record, err)
	}
	for range 2 {
		var corrupt *CorruptError
		if opened, err := Open(t.Context(), s.path, slog.New(slog.DiscardHandler)); !errors.As(err, &corrupt) || !strings.Contains(err.Error(), ".damage says what was found") {
			t.Fatalf("Open = %v, %v; want damage", opened, err)
		}
	}
	data, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	write(t, s.path, string(data)) // into the same file
	accept(t, reopenStore(t, s.path), "b")
	if _, err := os.Stat(s.path + ".damage"); err == nil {
		t.Error("the record is still there")
	}
}

// A database is checked every day, and sooner after a check that failed, until it is damaged.
func TestCheckIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := openStoreLogging(t, &log)
		addFact(t, s, "a", "b", "c")
		time.Sleep(checkInterval - time.Minute)
		move := func(from, to string) {
			if err := os.Rename(from, to); err != nil {
				t.Fatal(err)
			}
		}
		move(s.path, s.path+".away")
		time.Sleep(2 * time.Minute)
		move(s.path+".away", s.path)
		time.Sleep(checkRetry)
		synctest.Wait()
		if text := log.String(); strings.Count(text, "could not be checked") != 1 || strings.Count(text, "was checked") != 1 {
			t.Errorf("log:\n%s", text)
		}
		tamper(t, s.path, "UPDATE facts SET value = 2 WHERE position = 2")
		time.Sleep(checkInterval + time.Minute)
		synctest.Wait()
		wantDamage(t, s)
	})
}
