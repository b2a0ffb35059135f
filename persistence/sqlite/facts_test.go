package sqlite

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

func fact(subject string) dora.Fact {
	return dora.Fact{Family: dora.DeploymentsTotal, Labels: dora.Labels{"team": "a"}, Value: 1, Subject: subject}
}

func addFact(t testing.TB, s *Store, subjects ...string) {
	t.Helper()
	err := s.Update(t.Context(), func(tx dora.Tx) error {
		for _, subject := range subjects {
			if added, err := tx.Facts().Add(fact(subject)); err != nil || !added {
				return fmt.Errorf("AddFact(%s) = %v, %w", subject, added, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFactsRoundTrip(t *testing.T) {
	s := openStore(t)
	if empty, err := s.Empty(t.Context()); err != nil || !empty {
		t.Errorf("Empty = %v, %v before the first fact", empty, err)
	}
	facts := []dora.Fact{
		{Family: "a", Subject: "year 1"},
		{Family: "a", Subject: "year 9999", Labels: dora.Labels{}, At: time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC), ID: math.MaxInt64},
		{Family: "b", Subject: "year 1", Labels: dora.Labels{"b": "<&\"\\\n\x00é🙂", "a": ""}, Value: math.MinInt64, At: time.UnixMilli(-1).UTC(), ID: -1},
		{Family: "b", Subject: "a\x00b", Labels: dora.Labels{"a": "1"}, Value: math.MaxInt64},
	}
	err := s.Update(t.Context(), func(tx dora.Tx) error {
		for _, f := range facts {
			if added, err := tx.Facts().Add(f); err != nil || !added {
				return fmt.Errorf("AddFact = %v, %w", added, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range facts {
		facts[i].Position = int64(i + 1)
	}
	for after := range len(facts) + 1 {
		got, err := s.Facts(t.Context(), int64(after), 2)
		if err != nil {
			t.Fatal(err)
		}
		want := facts[after:min(after+2, len(facts))]
		if diff := cmp.Diff(append([]dora.Fact(nil), want...), got); diff != "" {
			t.Errorf("after %d:\n%s", after, diff)
		}
	}
	if got, err := s.Facts(t.Context(), 0, 1); err != nil || !got[0].At.IsZero() {
		t.Errorf("the zero time is %v after a round trip, %v", got[0].At, err)
	}
	if last, err := s.LastPosition(t.Context()); err != nil || last != 4 {
		t.Errorf("LastPosition = %d, %v", last, err)
	}
	if empty, err := s.Empty(t.Context()); err != nil || empty {
		t.Errorf("Empty = %v, %v", empty, err)
	}
}

func TestAddFactOnce(t *testing.T) {
	s := openStore(t)
	addFact(t, s, "a")
	err := s.Update(t.Context(), func(tx dora.Tx) error {
		for range 2 {
			added := fact("a")
			added.Value = 2
			if added, err := tx.Facts().Add(added); err != nil || added {
				return fmt.Errorf("AddFact of the same subject = %v, %w", added, err)
			}
		}
		other := fact("a")
		other.Family = dora.Incidents
		if added, err := tx.Facts().Add(other); err != nil || !added {
			return fmt.Errorf("AddFact of the subject in another family = %v, %w", added, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	facts, err := s.Facts(t.Context(), 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(facts) != 2 || facts[0].Value != 1 {
		t.Errorf("facts are %v, want the first and the other family's", facts)
	}
}

func TestFactsShowDamage(t *testing.T) {
	for name, damage := range map[string]string{
		"family":    "UPDATE facts SET family = 'github_deployments_totam' WHERE position = 2",
		"subject":   "UPDATE facts SET subject = 'c' || subject WHERE position = 2",
		"labels":    `UPDATE facts SET labels = '{"team":"b"}' WHERE position = 2`,
		"value":     "UPDATE facts SET value = value + 1 WHERE position = 2",
		"at":        "UPDATE facts SET at = at - 1 WHERE position = 2",
		"id":        "UPDATE facts SET id = 1 WHERE position = 2",
		"checksum":  "UPDATE facts SET checksum = checksum + 1 WHERE position = 2",
		"moved":     "UPDATE facts SET position = 4 WHERE position = 2; UPDATE facts SET position = 2 WHERE position = 3; UPDATE facts SET position = 3 WHERE position = 4",
		"gone":      "DELETE FROM facts WHERE position = 2",
		"shifted":   "UPDATE facts SET family = 'github_deployments_totals', subject = substr(subject, 2) WHERE position = 2",
		"no labels": "UPDATE facts SET labels = 'null' WHERE position = 2",
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t)
			addFact(t, s, "aa", "sb", "cc")
			if _, err := s.Facts(t.Context(), 0, 10); err != nil {
				t.Fatal(err)
			}
			tamper(t, s.path, damage)
			facts, err := s.Facts(t.Context(), 0, 10)
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) {
				t.Fatalf("Facts = %v, %v, want a CorruptError", facts, err)
			}
			if name == "gone" {
				return
			}
			upTo := int64(3)
			if _, err = s.Newest(t.Context(), dora.DeploymentsTotal, upTo); name != "family" && name != "shifted" && !errors.As(err, &corrupt) {
				t.Errorf("Newest = %v, want a CorruptError", err)
			}
		})
	}
}

func TestNewest(t *testing.T) {
	s := openStore(t)
	hour := func(n int) time.Time { return time.Date(2026, 1, 1, n, 0, 0, 0, time.UTC) }
	facts := []dora.Fact{
		{Family: "a", Subject: "1", Labels: dora.Labels{"x": "1"}, At: hour(3), ID: 1, Value: 1},
		{Family: "a", Subject: "2", Labels: dora.Labels{"x": "1"}, At: hour(3), ID: 2, Value: 2},
		{Family: "a", Subject: "3", Labels: dora.Labels{"x": "1"}, At: hour(2), ID: 9, Value: 3},
		{Family: "a", Subject: "4", Labels: dora.Labels{"x": "2"}, At: hour(1), ID: 1, Value: 4},
		{Family: "b", Subject: "5", Labels: dora.Labels{"x": "1"}, At: hour(9), ID: 1, Value: 5},
		{Family: "a", Subject: "6", Labels: dora.Labels{"x": "1"}, At: hour(9), ID: 1, Value: 6},
	}
	err := s.Update(t.Context(), func(tx dora.Tx) error {
		for _, f := range facts {
			if _, err := tx.Facts().Add(f); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for upTo, want := range map[int64][]int64{0: nil, 1: {1}, 3: {2}, 5: {2, 4}, 6: {4, 6}, 99: {4, 6}} {
		newest, err := s.Newest(t.Context(), "a", upTo)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, f := range newest {
			got = append(got, f.Position)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("up to %d:\n%s", upTo, diff)
		}
	}
}

// The numbers of this file format must stay: another checksum would call every store damaged.
func TestChecksumStays(t *testing.T) {
	f := fact("deployment_status:api.github.com/1")
	f.Position, f.At, f.ID = 7, time.UnixMilli(1772366400000), 1
	if got, want := factSum(f, `{"team":"a"}`), int64(-3379914294706888603); got != want {
		t.Errorf("checksum is %d, want %d", got, want)
	}
}

func BenchmarkFacts(b *testing.B) {
	s := reopenStore(b, filepath.Join(b.TempDir(), "dora-exporter.db"))
	subjects := make([]string, 1000)
	for i := range subjects {
		subjects[i] = fmt.Sprintf("deployment_status:api.github.com/%d", i)
	}
	addFact(b, s, subjects...)
	for b.Loop() {
		if _, err := s.Facts(b.Context(), 0, 1000); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "facts/s")
}
