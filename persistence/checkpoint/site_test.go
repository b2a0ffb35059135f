package checkpoint

import (
	"bytes"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/persistence/sqlite"
)

// site is a folder with a store and a checkpoint, used by one process after the other.
type site struct {
	*testing.T
	folder string
	store  *sqlite.Store
	log    bytes.Buffer
	// frozen replaces the store in restores; nil for the store itself.
	frozen *frozenStore
}

var (
	inProgress = dora.Labels{"environment": "production", "repo": "shop", "status": "in_progress", "team": "Platform"}
	success    = dora.Labels{"environment": "production", "repo": "shop", "status": "success", "team": "Platform"}
	noon       = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
)

func newSite(t *testing.T) *site {
	s := &site{T: t, folder: memoryFolder(t)}
	s.open()
	t.Cleanup(func() { _ = s.store.Close() })
	return s
}

// memoryFolder returns a temporary folder, in memory where there is /dev/shm: these tests are not about durability.
func memoryFolder(t *testing.T) string {
	folder, err := os.MkdirTemp("/dev/shm", "checkpoint")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	return folder
}

func (s *site) path() string { return filepath.Join(s.folder, "dora-exporter.prom") }

func (s *site) logger() *slog.Logger { return slog.New(slog.NewTextHandler(&s.log, nil)) }

func (s *site) open() {
	s.Helper()
	var err error
	if s.store, err = sqlite.Open(s.Context(), filepath.Join(s.folder, "dora-exporter.db"), s.logger()); err != nil {
		s.Fatal(err)
	}
}

func (s *site) reopen() {
	s.Helper()
	if err := s.store.Close(); err != nil {
		s.Fatal(err)
	}
	s.open()
}

func (s *site) checkpoint(acceptStore bool) *Checkpoint {
	var store Store = s.store
	if s.frozen != nil {
		store = s.frozen
	}
	return New(s.path(), store, dora.Families(), acceptStore, s.logger())
}

// add adds the facts of one deployment status with a duration of n seconds.
func (s *site) add(n int64) {
	s.Helper()
	err := s.store.Update(s.Context(), func(tx dora.Tx) error {
		for family, value := range map[string]int64{
			dora.DeploymentsTotal: 1, dora.DeploymentsDurationSum: n * 1000, dora.DeploymentsDuration: n * 1000,
		} {
			f := dora.Fact{Family: family, Labels: success, Value: value, At: noon.Add(time.Duration(n) * time.Second), ID: n, Subject: fmt.Sprint(n)}
			if _, err := tx.Facts().Add(f); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
}

// restore does what the start does: the values that are restored, then the facts after their position.
func (s *site) restore(c *Checkpoint) (state dora.State, from int64, err error) {
	s.Helper()
	state, from, err = c.Restore(s.Context())
	if err != nil {
		return nil, 0, err
	}
	facts, err := s.facts(from)
	if err != nil {
		s.Fatal(err)
	}
	if err := state.Add(dora.FamiliesByName(), facts...); err != nil {
		s.Fatal(err)
	}
	return state, from, nil
}

func (s *site) mustRestore() (dora.State, int64) {
	s.Helper()
	state, from, err := s.restore(s.checkpoint(false))
	if err != nil {
		s.Fatal(err)
	}
	return state, from
}

// restores checks that a start gives a state, of which the facts up to position from are in the sums.
func (s *site) restores(want dora.State, from int64) {
	s.Helper()
	state, got := s.mustRestore()
	wantState(s.T, want, state)
	if got != from {
		s.Errorf("from position %d, want %d", got, from)
	}
}

// writeTwo writes a checkpoint with one deployment, which becomes the previous one, and a checkpoint with both.
func (s *site) writeTwo() (whole, previous []byte) {
	s.Helper()
	s.add(10)
	s.write()
	s.add(20)
	s.write()
	return s.read(s.path()), s.read(s.path() + ".prev")
}

// write writes a checkpoint with all facts, and keeps their sums in the store.
func (s *site) write() {
	s.Helper()
	state, _ := s.mustRestore()
	last, err := s.store.LastPosition(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	c := s.checkpoint(false)
	if err := c.Write(s.Context(), state, nil, last); err != nil {
		s.Fatal(err)
	}
	if err := c.saveSums(s.Context(), last, state); err != nil {
		s.Fatal(err)
	}
}

func (s *site) put(name string, data []byte) {
	s.Helper()
	if err := os.WriteFile(filepath.Join(s.folder, name), data, 0o600); err != nil {
		s.Fatal(err)
	}
}

func (s *site) read(path string) []byte {
	s.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		s.Fatal(err)
	}
	return data
}

func (s *site) removeStore() {
	s.Helper()
	if err := s.store.Close(); err != nil {
		s.Fatal(err)
	}
	for _, name := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(filepath.Join(s.folder, "dora-exporter.db"+name))
	}
	s.open()
}

// tamper changes the store behind its back.
func (s *site) tamper(statement string) {
	s.Helper()
	db, err := sql.Open("sqlite", s.store.Path())
	if err != nil {
		s.Fatal(err)
	}
	if _, err := db.ExecContext(s.Context(), statement); err != nil {
		s.Fatal(err)
	}
	if err := db.Close(); err != nil {
		s.Fatal(err)
	}
}

// only checks that exactly one file was set aside, and why.
func (s *site) only(why string) {
	s.Helper()
	aside, err := filepath.Glob(filepath.Join(s.folder, "*."+why))
	if err != nil || len(aside) != 1 {
		s.Errorf("set aside: %q, %v; want one .%s", aside, err, why)
	}
}

// two is the state after add(10) and add(20), above a baseline.
func two(base float64) dora.State {
	newest := dora.Series{Labels: success, Own: 20_000, At: noon.Add(20 * time.Second), ID: 20}
	if base != 0 {
		newest.Baseline = 2677.657175116
	}
	return dora.State{
		dora.DeploymentsTotal:       {success.Key(): {Labels: success, Own: 2, Baseline: base}},
		dora.DeploymentsDurationSum: {success.Key(): {Labels: success, Own: 30_000}},
		dora.DeploymentsDuration:    {success.Key(): newest},
	}
}

func wantState(t *testing.T, want, got dora.State) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// files are the names in the site's folder that are not the store's, with what is in them.
func (s *site) files() map[string]string {
	s.Helper()
	entries, err := os.ReadDir(s.folder)
	if err != nil {
		s.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		if !strings.Contains(e.Name(), ".db") {
			all[e.Name()] = string(s.read(filepath.Join(s.folder, e.Name())))
		}
	}
	return all
}

// forge replaces a part of the checkpoint and makes the checksum right again.
func (s *site) forge(old, with string) []byte {
	s.Helper()
	text := string(s.read(s.path()))
	body := text[:strings.LastIndex(text, checksumPrefix)]
	changed := strings.Replace(body, old, with, 1)
	if changed == body {
		s.Fatalf("no %q in\n%s", old, body)
	}
	return seal([]byte(changed))
}

const successText = `environment="production",repo="shop",status="success",team="Platform"`
