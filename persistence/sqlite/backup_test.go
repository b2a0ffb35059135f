package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// A backup beside a store that is being written to is a store with the first of its facts; put in the place of a lost
// one, it goes on from there.
func TestBackup(t *testing.T) {
	s := openStore(t)
	stop := make(chan struct{})
	var writing sync.WaitGroup
	end := sync.OnceFunc(func() { close(stop); writing.Wait() })
	defer end()
	add := func(id int64) {
		err := s.Update(t.Context(), func(tx dora.Tx) error {
			_, err := tx.Facts().Add(dora.Fact{Family: dora.Incidents, Subject: fmt.Sprint(id), Value: 1, ID: id})
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	for id := range int64(50) {
		add(id)
	}
	writing.Go(func() {
		for id := int64(50); ; id++ {
			select {
			case <-stop:
				return
			default:
				add(id)
			}
		}
	})
	r, err := OpenReader(t.Context(), s.path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	folder := t.TempDir()
	file := filepath.Join(folder, "dora-exporter.db")
	if _, err := r.Backup(t.Context(), file, false); err != nil {
		t.Fatal(err)
	}
	end()
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v; want the backup alone", entries, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
	if _, err := r.Backup(t.Context(), file, false); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("over a file that is there: %v", err)
	}
	copied := reopenStore(t, file)
	facts, err := copied.Facts(t.Context(), 0, 1_000_000)
	if err != nil || len(facts) < 50 {
		t.Fatalf("%d facts, %v", len(facts), err)
	}
	all, err := s.Facts(t.Context(), 0, len(facts))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(all, facts); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if copied.ID() != s.ID() {
		t.Error("the copy has another id")
	}
}

func TestBackupOfADamagedStore(t *testing.T) {
	s := openStore(t)
	err := s.Update(t.Context(), func(tx dora.Tx) error {
		_, err := tx.Facts().Add(dora.Fact{Family: dora.Incidents, Subject: "a", Value: 1})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	tamper(t, s.path, "UPDATE facts SET value = 2")
	file := filepath.Join(t.TempDir(), "backup.db")
	if _, err := s.reader.Backup(t.Context(), file, false); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("Backup = %v, want an error about a checksum", err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("the damaged copy was left")
	}
}
