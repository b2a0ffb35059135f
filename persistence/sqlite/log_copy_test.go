package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"dora-exporter/dora"
)

// betweenParts calls f between two parts of a copy.
type betweenParts struct {
	context.Context
	f func()
}

func (c betweenParts) Err() error {
	c.f()
	return c.Context.Err()
}

// When all of the log is in the database, a log that is begun anew while it is copied must not give the copy the beginning of the old one.
func TestBackupWhileTheLogBeginsAnew(t *testing.T) {
	for _, parts := range []int{1, 5, 20, 60, 110} {
		t.Run(fmt.Sprint("after ", parts, " parts"), func(t *testing.T) {
			s := openStore(t)
			const each = 40
			for n := range 3 {
				for id := range int64(each) {
					addIncident(t, s, id+int64(n*each))
					addEvaluation(t, s, fmt.Sprint(n, "-", id))
				}
			}
			tamper(t, s.path, "PRAGMA wal_checkpoint(PASSIVE)")
			r, err := OpenReader(t.Context(), s.path)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			r.chunk = 4096
			file, log := filepath.Join(t.TempDir(), "backup.db"), 0
			began := false
			ctx := betweenParts{t.Context(), func() {
				if logs, _ := filepath.Glob(filepath.Join(filepath.Dir(file), partialPrefix+"*", partialFile+"-wal")); len(logs) == 0 || began {
					return
				}
				if log++; log == parts {
					began = true
					addEvaluation(t, s, "while it is copied")
				}
			}}
			if _, err := r.Backup(ctx, file, true); err != nil {
				t.Fatal(err)
			}
			if !began {
				t.Fatalf("the log has only %d parts", log)
			}
			copied := reopenStore(t, file)
			facts, err := copied.Facts(t.Context(), 0, 1000)
			if err != nil || len(facts) != 3*each {
				t.Errorf("%d facts, %v, want %d", len(facts), err, 3*each)
			}
			if n, err := copied.CountEvaluations(t.Context()); err != nil || n != 3*each+1 {
				t.Errorf("%d evaluations, %v, want %d", n, err, 3*each+1)
			}
		})
	}
}

func addEvaluation(t *testing.T, s *Store, key string) {
	t.Helper()
	err := s.Update(t.Context(), func(tx dora.Tx) error {
		return tx.Evaluations().Add(dora.Evaluation{Kind: dora.IncidentEvaluation, Key: key})
	})
	if err != nil {
		t.Error(err)
	}
}
