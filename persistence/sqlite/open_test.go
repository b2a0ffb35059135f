package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dora-exporter/dora"
)

func TestOpenKeepsIdentity(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a ?#%25&b.db")
	s := reopenStore(t, path)
	accept(t, s, "a", "b")
	id, started := s.ID(), s.Started()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = reopenStore(t, path)
	if s.ID() != id || id == "" {
		t.Errorf("id is %q after opening again, was %q", s.ID(), id)
	}
	if !s.Started().Equal(started) || time.Since(started) > time.Minute {
		t.Errorf("started is %v after opening again, was %v", s.Started(), started)
	}
	if duplicate, err := s.Accept(t.Context(), delivery("b")); err != nil || !duplicate {
		t.Errorf("Accept of the same key = %v, %v, want a duplicate", duplicate, err)
	}
}

func TestOpenMakesAPrivateFile(t *testing.T) {
	s := openStore(t)
	accept(t, s, "a")
	for _, name := range []string{s.path, s.path + "-wal", s.path + "-shm", s.path + ".lock"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %o, want 600", filepath.Base(name), mode)
		}
	}
}

// A crash leaves the WAL behind: what was answered is in it.
func TestOpenAfterCrash(t *testing.T) {
	s := openStore(t)
	accept(t, s, "a", "b")
	addFact(t, s, "x")
	crashed := filepath.Join(t.TempDir(), "crashed.db")
	for _, end := range []string{"", "-wal"} {
		content, err := os.ReadFile(s.path + end)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(crashed+end, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	after := reopenStore(t, crashed)
	if after.ID() != s.ID() {
		t.Errorf("id is %q, was %q", after.ID(), s.ID())
	}
	for _, key := range []string{"a", "b"} {
		if duplicate, err := after.Accept(t.Context(), delivery(key)); err != nil || !duplicate {
			t.Errorf("Accept(%s) = %v, %v, want a duplicate", key, duplicate, err)
		}
	}
	if facts, err := after.Facts(t.Context(), 0, 10); err != nil || len(facts) != 1 {
		t.Errorf("Facts = %v, %v, want one", facts, err)
	}
}

func TestOpenSaysWhatToDo(t *testing.T) {
	sqlite := func(statements ...string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if _, err := os.Stat(path); err != nil {
				reopenStore(t, path).Close()
			}
			tamper(t, path, statements...)
		}
	}
	tests := map[string]struct {
		path    string
		prepare func(t *testing.T, path string)
		want    []string
		corrupt bool
	}{
		"no folder": {path: "no/such/store.db", want: []string{"no/such for the database store.db does not exist", "mkdir -p"}},
		"file as folder": {
			path:    "file/store.db",
			prepare: func(t *testing.T, path string) { write(t, filepath.Dir(path), "x") },
			want:    []string{"file is not a folder", "set storage.database"},
		},
		"a folder": {
			path: "store.db",
			prepare: func(t *testing.T, path string) {
				if err := os.Mkdir(path, 0o700); err != nil {
					t.Fatal(err)
				}
			},
			want: []string{"store.db is a folder", filepath.Join("store.db", "dora-exporter.db")},
		},
		"running already": {
			path:    "store.db",
			prepare: func(t *testing.T, path string) { reopenStore(t, path) },
			want:    []string{fmt.Sprintf("process %d", os.Getpid()), "store.db.lock", "stop it"},
		},
		"two names": {
			path: "store.db",
			prepare: func(t *testing.T, path string) {
				other := filepath.Join(filepath.Dir(path), "other.db")
				reopenStore(t, other)
				if err := os.Link(other, path); err != nil {
					t.Fatal(err)
				}
			},
			want: []string{"store.db has 2 names (hard links)", "remove the others", "cp -p "},
		},
		"no database": {
			path:    "store.db",
			prepare: func(t *testing.T, path string) { write(t, path, strings.Repeat("# HELP jira_incidents\n", 100)) },
			want:    []string{"store.db is damaged: it is not a SQLite database", "restore a backup"}, corrupt: true,
		},
		"another program's": {
			path: "store.db",
			prepare: func(t *testing.T, path string) {
				write(t, path, "")
				tamper(t, path, "CREATE TABLE bookmarks (url TEXT)")
			},
			want: []string{"store.db belongs to another program", "set storage.database"},
		},
		"newer": {
			path:    "store.db",
			prepare: sqlite("PRAGMA user_version = 99"),
			want:    []string{"schema version 99", "versions up to 1", "start the newer dora-exporter"},
		},
		"a page overwritten": {
			path: "store.db",
			prepare: func(t *testing.T, path string) {
				reopenStore(t, path).Close()
				content, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				for i := 4096 * 2; i < 4096*4; i++ {
					content[i] = 0xa5
				}
				write(t, path, string(content))
			},
			want: []string{"store.db is damaged", "restore a backup"}, corrupt: true,
		},
		"a fact gone": {
			path: "store.db",
			prepare: func(t *testing.T, path string) {
				s := reopenStore(t, path)
				addFact(t, s, "a", "b", "c")
				s.Close()
				tamper(t, path, "DELETE FROM facts WHERE position = 2")
			},
			want: []string{"it has 2 facts and the last one's position is 3"}, corrupt: true,
		},
		"a delivery that is pending by an index alone": {
			path: "store.db",
			prepare: func(t *testing.T, path string) {
				s := reopenStore(t, path)
				accept(t, s, "a")
				s.Close()
				const redefine = "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = replace(sql, 'state %s', 'state %s') WHERE name = 'deliveries_due'"
				tamper(t, path, fmt.Sprintf(redefine, "= 0", "< 2"))
				tamper(t, path, "UPDATE deliveries SET state = 1")
				tamper(t, path, fmt.Sprintf(redefine, "< 2", "= 0"))
			},
			want: []string{"index deliveries_due has 1 entries for 0 rows", "restore a backup"}, corrupt: true,
		},
		"a removed key gone": {
			path:    "store.db",
			prepare: removedThenTampered("DELETE FROM removed_keys WHERE hash = (SELECT min(hash) FROM removed_keys)"),
			want:    []string{"of 2 keys of what was removed, 1 are there", "restore a backup"}, corrupt: true,
		},
		"a removed key damaged": {
			path:    "store.db",
			prepare: removedThenTampered("UPDATE removed_keys SET hash = x'00112233445566778899aabbccddeeff' WHERE hash = (SELECT min(hash) FROM removed_keys)"),
			want:    []string{"of 2 keys of what was removed, 2 are there, or some are damaged"}, corrupt: true,
		},
		"the record of a removal damaged": {
			path: "store.db", prepare: removedThenTampered("UPDATE removal SET before = before + 1"),
			want: []string{"the record of what was removed does not match its checksum"}, corrupt: true,
		},
		"a fact gone after a removal": {
			path: "store.db", prepare: removedThenTampered("DELETE FROM facts WHERE position = 3"),
			want: []string{"it has 1 facts and the last one's position is 4, after 2 that were removed"}, corrupt: true,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), test.path)
			if test.prepare != nil {
				test.prepare(t, path)
			}
			s, err := Open(t.Context(), path, slog.New(slog.DiscardHandler))
			if err == nil {
				s.Close()
				t.Fatal("Open succeeded")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error is\n%s\nwant in it\n%s", err, want)
				}
			}
			var corrupt *CorruptError
			if errors.As(err, &corrupt) != test.corrupt {
				t.Errorf("error is %T, want a CorruptError: %v", err, test.corrupt)
			}
		})
	}
}

// Another name of a database has another log beside it: what is read by it may be outdated.
func TestReaderOfTwoNames(t *testing.T) {
	s := openStore(t)
	other := filepath.Join(t.TempDir(), "other.db")
	if err := os.Link(s.path, other); err != nil {
		t.Fatal(err)
	}
	if r, err := OpenReader(t.Context(), other); err == nil || !strings.Contains(err.Error(), "has 2 names") {
		t.Errorf("OpenReader = %v, %v", r, err)
	}
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	r, err := OpenReader(t.Context(), s.path)
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
}

// A file of another program is refused as it is: nothing is written to it.
func TestOpenForeignFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	write(t, path, "")
	tamper(t, path, "CREATE TABLE bookmarks (url TEXT)")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path, slog.New(slog.DiscardHandler)); err == nil {
		t.Fatal("Open succeeded")
	}
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("the file was changed")
	}
}

// removedThenTampered prepares a database from which the first two of four facts were removed.
func removedThenTampered(statement string) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		s := reopenStore(t, path)
		addFact(t, s, "a", "b", "c", "d")
		err := s.Update(t.Context(), func(tx dora.Tx) error {
			_, err := tx.Removal().RemoveFacts(2, time.Now(), 9)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		tamper(t, path, statement)
	}
}
