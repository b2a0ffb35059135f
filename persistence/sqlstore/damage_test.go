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
	evidence := dora.Evidence{Target: "h/1", Scope: "h/acme/web/production/deploy", Cause: dora.CauseStatus, By: "h/1", At: morning, Detail: "status failure"}
	failed := change(func(tx dora.Tx) error {
		return errors.Join(tx.Evidence().SaveFailedChange(dora.FailedChange{Evidence: evidence}), tx.Evidence().Add(evidence))
	})
	undecided := change(func(tx dora.Tx) error { return tx.Evidence().Add(evidence) })
	given := change(func(tx dora.Tx) error {
		return tx.Days().Save(dora.DayChanges{Evidence: map[string][]dora.Evidence{"h/1": {evidence}}})
	})
	unrepaired := change(func(tx dora.Tx) error {
		_, err := tx.Evidence().Unrepaired(evidence.Scope)
		return err
	})
	now := func() time.Time { return morning }
	clock := func(t *testing.T, s *teststore.Store) error { return s.SetClock(t.Context(), now, now) }
	readClock := func(t *testing.T, s *teststore.Store) error {
		_, _, _, err := s.ClockReading(t.Context())
		return err
	}
	push := func(t *testing.T, s *teststore.Store) error {
		return s.SetPushed(t.Context(), []dora.PushedSeries{{Instrument: "github.deployments", Value: 8}})
	}
	pushed := func(t *testing.T, s *teststore.Store) error {
		_, _, err := s.Pushed(t.Context())
		return err
	}
	evaluate := change(func(tx dora.Tx) error {
		return tx.Evaluations().Add(dora.Evaluation{Kind: dora.DeploymentEvaluation, Key: "h/1", Scope: evidence.Scope, At: morning})
	})
	evaluated := change(func(tx dora.Tx) error {
		_, _, err := tx.Evaluations().First(evidence.Scope)
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
		"time of a failed change":  {failed, "UPDATE failed_changes SET at = ?", morning.Add(time.Hour).UnixMilli(), unrepaired},
		"cause of a failed change": {failed, "UPDATE failed_changes SET cause = ?", "rtatus", unrepaired},
		"repair of a failed change": {failed, "UPDATE failed_changes SET repaired_at = ?", 1, func(t *testing.T, s *teststore.Store) error {
			_, _, err := s.FailedChangeOf(t.Context(), "h/1")
			return err
		}},
		"time of evidence": {undecided, "UPDATE evidence SET at = ?", morning.Add(-time.Hour).UnixMilli(), change(func(tx dora.Tx) error {
			_, err := tx.Evidence().Undecided(evidence.Scope, morning.Add(time.Hour))
			return err
		})},
		"target of evidence of a report": {given, "UPDATE all_evidence SET target = ?", "h/2", change(func(tx dora.Tx) error {
			_, err := tx.Days().EvidenceBy([]string{"h/1"})
			return err
		})},
		"reading of the clock":       {clock, "UPDATE clock SET reading = ?", morning.UnixMilli() - 1<<32, readClock},
		"wall time of the clock":     {clock, "UPDATE clock SET wall = ?", 0, readClock},
		"value of a pushed delta":    {push, "UPDATE pushed SET value = ?", 4.0, pushed},
		"interval of a pushed delta": {push, "UPDATE pushed SET until = ?", 0, pushed},
		"creation of the store": {clock, "UPDATE meta SET value = ? WHERE key = 'created'", "2027-03-02T09:00:00Z", func(t *testing.T, s *teststore.Store) error {
			_, err := s.StoreCreated(t.Context())
			return err
		}},
		"misses of an evaluation":        {evaluate, "UPDATE evaluations SET misses = ?", 8, evaluated},
		"first failure of an evaluation": {evaluate, "UPDATE evaluations SET failing_since = ?", 0, evaluated},
		"repository of an evaluation":    {evaluate, "UPDATE evaluations SET repository = ?", "h/acme/wec", evaluated},
		"failing calls of an evaluation": {evaluate, "UPDATE evaluations SET failing_calls = ?", "{}", evaluated},
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
