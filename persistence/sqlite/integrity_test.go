package sqlite

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"dora-exporter/dora"
)

// wantDamage checks that a store neither takes deliveries nor makes changes because it is damaged.
func wantDamage(t *testing.T, s *Store) {
	t.Helper()
	var corrupt *CorruptError
	_, err := s.Accept(t.Context(), dora.Delivery{Source: dora.GitHub, Key: "new"})
	if !errors.As(s.Err(), &corrupt) || !errors.As(err, &corrupt) {
		t.Errorf("Err is %v, Accept returns %v; want damage", s.Err(), err)
	}
	if err := s.Update(t.Context(), func(dora.Tx) error { return nil }); !errors.Is(err, dora.ErrStoreFailing) {
		t.Errorf("Update returns %v", err)
	}
}

// Damage that is found while the store is used ends all writes, so that nothing builds upon it.
func TestCheck(t *testing.T) {
	for name, damage := range map[string]string{
		"none":  "SELECT 1",
		"row":   "UPDATE deliveries SET event = x'00'",
		"fact":  "UPDATE facts SET value = 2 WHERE position = 2",
		"gone":  "DELETE FROM facts WHERE position = 2",
		"sum":   "INSERT INTO sums (family, labels, own, at, id, buckets, checksum) VALUES ('a', '{}', 1, 1, 1, '', 1)",
		"text":  "DELETE FROM texts WHERE text = ''",
		"index": "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = replace(sql, '(due, id', '(received, id') WHERE name = 'deliveries_due'",
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t)
			addFact(t, s, "a", "b", "c")
			if _, err := s.Accept(t.Context(), dora.Delivery{Source: dora.GitHub, Key: "old"}); err != nil {
				t.Fatal(err)
			}
			tamper(t, s.path, damage)
			s.check(t.Context(), 0)
			if name == "none" {
				addFact(t, s, "d")
				return
			}
			wantDamage(t, s)
		})
	}
}

// What a start would refuse after a removal of facts is found: nothing else has their values then.
func TestCheckSums(t *testing.T) {
	for name, damage := range map[string]string{
		"none":               "SELECT 1",
		"one is gone":        `DELETE FROM sums WHERE labels LIKE '%"2"%'`,
		"all are gone":       "DELETE FROM sums; DELETE FROM sums_position",
		"the position":       "UPDATE sums_position SET position = position + 1",
		"the last fact gone": "DELETE FROM facts WHERE position = 4",
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t)
			state := dora.State{}
			for n := range 4 {
				f := dora.Fact{Family: dora.Incidents, Labels: dora.Labels{"team": fmt.Sprint(n)}, Value: 1, Subject: fmt.Sprint(n)}
				err := s.Update(t.Context(), func(tx dora.Tx) error { _, err := tx.Facts().Add(f); return err })
				if err = errors.Join(err, state.Add(dora.FamiliesByName(), f)); err != nil {
					t.Fatal(err)
				}
			}
			err := s.SaveSums(t.Context(), dora.Sums{Position: 4, State: state, Bounds: dora.BoundsOf(dora.Families())})
			if err = errors.Join(err, s.Update(t.Context(), func(tx dora.Tx) error { _, err := tx.Removal().RemoveFacts(3, time.Now(), 9); return err })); err != nil {
				t.Fatal(err)
			}
			tamper(t, s.path, damage)
			var corrupt *CorruptError
			if err := s.CheckRecords(t.Context(), 0); errors.As(err, &corrupt) == (name == "none") {
				t.Errorf("CheckRecords = %v", err)
			}
		})
	}
}

// A large database is opened without a look at all of it, and checked then.
func TestLargeDatabaseIsChecked(t *testing.T) {
	s := openStore(t)
	random := make([]byte, 1<<20)
	for i := range checkAtStartBelow>>20 + 1 {
		rand.NewChaCha8([32]byte{byte(i)}).Read(random)
		text := hex.EncodeToString(random) // which compression does not make smaller than random
		d := dora.Delivery{Source: dora.GitHub, Key: fmt.Sprint(i), Event: dora.Event{Deployment: &dora.Deployment{Description: text}}}
		if _, err := s.Accept(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	tamper(t, s.path, "UPDATE deliveries SET event = x'00' WHERE id = 3")
	s = reopenStore(t, s.path)
	for s.Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	wantDamage(t, s)
}

// Two issues of the same name may be removed, or the same one again if it counted nowhere: that is no damage.
func TestNameRemovedTwice(t *testing.T) {
	s := openStore(t)
	for id := range 2 {
		i := dora.Incident{Key: fmt.Sprint("jira.example.com/", id), Name: "INC-7"}
		err := s.Update(t.Context(), func(tx dora.Tx) error {
			return errors.Join(tx.Incidents().Save(i), tx.Removal().RemoveIncident(i, time.Now(), false))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.CheckRecords(t.Context(), 0); err != nil {
		t.Error(err)
	}
}
