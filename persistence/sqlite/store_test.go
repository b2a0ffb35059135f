package sqlite

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"dora-exporter/dora"
	"dora-exporter/persistence/sqlstore"
)

// openStore opens a store in a new folder and closes it at the end of the test.
func openStore(t testing.TB) *Store {
	t.Helper()
	return reopenStore(t, filepath.Join(t.TempDir(), "dora-exporter.db"))
}

func reopenStore(t testing.TB, path string) *Store {
	return open(t, path, slog.New(slog.DiscardHandler))
}

func openStoreLogging(t testing.TB, to io.Writer) *Store {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "dora-exporter.db"), slog.New(slog.NewTextHandler(to, nil)))
}

func open(t testing.TB, path string, logger *slog.Logger) *Store {
	t.Helper()
	s, err := Open(context.Background(), path, logger)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func delivery(key string) dora.Delivery {
	at := time.Date(2026, 3, 1, 12, 0, 0, int(5*time.Millisecond), time.UTC)
	return dora.Delivery{
		Source: dora.GitHub, Key: key, Received: at,
		Event: dora.Event{Status: &dora.Status{ID: 7, State: "success", CreatedAt: at.Add(-time.Second)}},
	}
}

func accept(t testing.TB, s *Store, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if duplicate, err := s.Accept(t.Context(), delivery(key)); err != nil || duplicate {
			t.Fatalf("Accept(%s) = %v, %v", key, duplicate, err)
		}
	}
}

// What is promised about durability hangs on two settings of the connection that writes.
func TestCommitsAreDurable(t *testing.T) {
	s := openStore(t)
	err := s.Change(t.Context(), func(tx *sqlstore.Tx) error {
		var synchronous int
		var journal string
		if _, err := tx.QueryRow("PRAGMA synchronous", nil, &synchronous); err != nil {
			return err
		}
		if _, err := tx.QueryRow("PRAGMA journal_mode", nil, &journal); err != nil {
			return err
		}
		if synchronous != 2 || journal != "wal" {
			t.Errorf("synchronous is %d, want 2 (FULL); journal mode is %s, want wal", synchronous, journal)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.reader.pool.use(t.Context(), func(c *conn) error { return c.exec("DELETE FROM meta") }); err == nil {
		t.Error("a reading connection can write")
	}
}

func TestBaselines(t *testing.T) {
	s := openStore(t)
	taken := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	labels := dora.Labels{"team": "a\x00é"}
	first := dora.Baseline{
		Hash: "1", Source: "/data/old.prom", Taken: taken, Bounds: map[string][]int64{"h": {1, 2}},
		Values: dora.State{
			"c": {labels.Key(): {Labels: labels, Baseline: 0.1 + 0.2}},
			"h": {labels.Key(): {Labels: labels, Baseline: 9.223372036854776e9, BaselineBuckets: []int64{1, 0, 1 << 60}}},
		},
	}
	second := dora.Baseline{Hash: "2", Source: "b", Taken: taken.Add(time.Hour)}
	for _, b := range []dora.Baseline{second, first, {Hash: "1", Source: "again"}} {
		if err := s.AddBaseline(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Baselines(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]dora.Baseline{first, second}, got, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

// The series of a baseline begin with it. A fact that comes later does not make them younger, which would look like a reset.
func TestImportedSeriesKeepTheirStart(t *testing.T) {
	s := openStore(t)
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	labels := dora.Labels{"team": "a"}
	b := dora.Baseline{Hash: "1", Source: "old.prom", Taken: began.Add(time.Hour), Start: began, Values: dora.State{"c": {labels.Key(): {Labels: labels}}}}
	if err := s.AddBaseline(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	err := s.Update(t.Context(), func(tx dora.Tx) error {
		_, err := tx.Facts().Add(dora.Fact{Family: "c", Subject: "1", Labels: labels, Value: 1})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []dora.SeriesStart
	if err := s.SeriesStarts(t.Context(), -1, func(s dora.SeriesStart) { got = append(got, s) }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]dora.SeriesStart{{Family: "c", Labels: labels, At: began}}, got); diff != "" {
		t.Error(diff)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// tamper changes the database as no Store would.
func tamper(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := connect(t.Context(), path, "rw")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range statements {
		if err := db.script(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}
