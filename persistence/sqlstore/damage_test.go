package sqlstore_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/persistence/teststore"
)

var morning = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// change returns the error of an update.
func change(f func(dora.Tx) error) func(*testing.T, *teststore.Store) error {
	return func(t *testing.T, s *teststore.Store) error {
		t.Helper()
		return s.Update(t.Context(), f)
	}
}

// A row whose column was changed is refused when it is read, with what it is and the remedy.
func TestDamagedRows(t *testing.T) {
	environment := change(func(tx dora.Tx) error {
		_, err := tx.Repositories().AddEnvironment("h/acme/web", "Production", true)
		return err
	})
	for name, c := range map[string]struct {
		write  func(*testing.T, *teststore.Store) error
		damage string
		value  any
		read   func(*testing.T, *teststore.Store) error
	}{
		"spelling of an environment": {environment, "UPDATE environments SET name = ?", "Qroduction", environment},
		"environment of a report": {environment, "UPDATE environments SET production = ?", 0, func(t *testing.T, s *teststore.Store) error {
			_, err := s.Environments(t.Context(), -1)
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "dora-exporter.db")
			s := teststore.Open(t, path)
			if err := errors.Join(c.write(t, s), c.read(t, s), s.Close()); err != nil {
				t.Fatal(err)
			}
			s = teststore.At(t, path) // which has cached nothing
			teststore.Exec(t, path, c.damage, c.value)
			if err := c.read(t, s); !errors.Is(err, dora.ErrDamaged) {
				t.Errorf("%s: %v, want damage", c.damage, err)
			}
		})
	}
}
