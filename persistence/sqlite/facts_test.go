package sqlite

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

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

func TestFactsShowDamage(t *testing.T) {
	for name, damage := range map[string]string{
		"family":          "INSERT INTO texts VALUES (99, 'github_deployments_totam'); UPDATE facts SET family = 99 WHERE position = 2",
		"name of family":  "UPDATE texts SET text = 'github_deployments_totam' WHERE text = 'github_deployments_total'",
		"subject":         "UPDATE facts SET rest = 'c' || rest WHERE position = 2",
		"subject's stem":  "UPDATE facts SET stem = 99 WHERE position = 2",
		"text of stem":    "UPDATE texts SET text = 'statuses/' WHERE text = 'status/'",
		"labels":          `UPDATE series SET labels = '{"team":"b"}'`,
		"no labels":       "UPDATE series SET labels = 'null'",
		"series":          "UPDATE facts SET series = 99 WHERE position = 2",
		"series' family":  "UPDATE series SET family = 99",
		"value":           "UPDATE facts SET value = value + 1 WHERE position = 2",
		"at":              "UPDATE facts SET at = at - 1 WHERE position = 2",
		"id":              "UPDATE facts SET id = 1 WHERE position = 2",
		"checksum":        "UPDATE facts SET checksum = checksum + 1 WHERE position = 2",
		"moved":           "UPDATE facts SET position = 4 WHERE position = 2; UPDATE facts SET position = 2 WHERE position = 3; UPDATE facts SET position = 3 WHERE position = 4",
		"gone":            "DELETE FROM facts WHERE position = 2",
		"shifted":         "INSERT INTO texts VALUES (99, 'github_deployments_totals'), (98, 'tatus/'); UPDATE facts SET family = 99, stem = 98 WHERE position = 2",
		"series is gone":  "DELETE FROM series",
		"subject is gone": "DELETE FROM texts WHERE text = 'status/'",
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t)
			update(t, s, func(tx dora.Tx) error {
				for i, subject := range []string{"status/1", "status/2", "status/3"} {
					f := fact(subject)
					f.At = time.UnixMilli(int64(1000 * (i % 2))) // the second is the newest
					if _, err := tx.Facts().Add(f); err != nil {
						return err
					}
				}
				return nil
			})
			if _, err := s.Facts(t.Context(), 0, 10); err != nil {
				t.Fatal(err)
			}
			tamper(t, s.path, damage)
			facts, err := s.Reader.Facts(t.Context(), 0, 10) // which reads even what was committed a moment ago
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) {
				t.Fatalf("Facts = %v, %v, want a CorruptError", facts, err)
			}
		})
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
		if _, err := s.Reader.Facts(b.Context(), 0, 1000); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "facts/s")
}
