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
	for id := range int64(50) {
		addIncident(t, s, id)
	}
	writing.Go(func() {
		for id := int64(50); ; id++ {
			select {
			case <-stop:
				return
			default:
				addIncident(t, s, id)
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
	addIncident(t, s, 1)
	tamper(t, s.path, "UPDATE facts SET value = 2")
	file := filepath.Join(t.TempDir(), "backup.db")
	_, err := s.reader.Backup(t.Context(), file, false)
	for _, want := range []string{"the copy of database " + s.path + " is damaged", "checksum", "back it up again"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Backup = %v, want in it %q", err, want)
		}
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("the damaged copy was left")
	}
}

// A log that is damaged in the middle would end there without a word.
func TestBackupOfADamagedLog(t *testing.T) {
	s := openStore(t)
	for id := range int64(20) {
		addIncident(t, s, id)
	}
	log, err := os.OpenFile(s.path+"-wal", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	info, err := log.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.WriteAt([]byte("damage"), info.Size()/2); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	_, err = s.reader.Backup(t.Context(), filepath.Join(folder, "backup.db"), false)
	if err == nil || !strings.Contains(err.Error(), "log is damaged") {
		t.Errorf("Backup = %v, want an error about a damaged log", err)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) > 0 {
		t.Errorf("%v, %v were left", entries, err)
	}
}

// A link to the database has the log of its target.
func TestBackupThroughALink(t *testing.T) {
	s := openStore(t)
	addIncident(t, s, 1)
	folder := t.TempDir()
	link, file := filepath.Join(folder, "link.db"), filepath.Join(folder, "backup.db")
	if err := os.Symlink(s.path, link); err != nil {
		t.Fatal(err)
	}
	r, err := OpenReader(t.Context(), link)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Backup(t.Context(), file, true); err != nil {
		t.Fatal(err)
	}
	if facts, err := reopenStore(t, file).Facts(t.Context(), 0, 10); err != nil || len(facts) != 1 {
		t.Errorf("%d facts, %v, want 1", len(facts), err)
	}
}

func addIncident(t *testing.T, s *Store, id int64) {
	t.Helper()
	err := s.Update(t.Context(), func(tx dora.Tx) error {
		_, err := tx.Facts().Add(dora.Fact{Family: dora.Incidents, Subject: fmt.Sprint(id), Value: 1, ID: id})
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
