package sqlite

import (
	"bytes"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"zombiezen.com/go/sqlite"

	"dora-exporter/dora"
	"dora-exporter/persistence/sqlstore"
)

// If a long log can't be moved into the database, nothing is added to it until that works again. That is logged once, and named as what it is.
func TestLogThatCanNotBeMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := openStoreLogging(t, &log)
		var failing atomic.Bool
		failing.Store(true)
		err := s.Change(t.Context(), func(tx *sqlstore.Tx) error {
			err := s.engine.connection.SetAuthorizer(sqlite.AuthorizeFunc(func(a sqlite.Action) sqlite.AuthResult {
				if a.Type() == sqlite.OpPragma && a.Pragma() == "wal_checkpoint" && failing.Load() {
					return sqlite.AuthResultDeny
				}
				return sqlite.AuthResultOK
			}))
			_, execErr := tx.Exec("INSERT INTO meta (key, value, checksum) VALUES ('large', hex(zeroblob(?)), 0)", truncateLogAbove/2)
			return errors.Join(err, execErr)
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2*sqlstore.ProbeInterval + time.Second)
		if err := s.Err(); err == nil || !strings.Contains(err.Error(), "move the write-ahead log (32 MiB) into the database") {
			t.Errorf("Err = %v", err)
		}
		if _, err := s.Accept(t.Context(), delivery("a")); err == nil {
			t.Error("a delivery was accepted")
		}
		if err := s.Update(t.Context(), func(dora.Tx) error { return nil }); !errors.Is(err, dora.ErrStoreFailing) {
			t.Errorf("Update = %v", err)
		}
		failing.Store(false)
		time.Sleep(2 * sqlstore.ProbeInterval)
		synctest.Wait()
		if err := s.Err(); err != nil {
			t.Errorf("Err afterwards = %v", err)
		}
		accept(t, s, "a")
		if size, err := logSize(s.path); err != nil || size > truncateLogAbove {
			t.Errorf("the log has %d bytes, %v", size, err)
		}
		if text := log.String(); strings.Count(text, "\n") != 2 || strings.Contains(text, "read transaction") {
			t.Errorf("log:\n%s", text)
		}
	})
}
