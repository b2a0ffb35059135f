package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/persistence/sqlstore"
)

// A copy has all tables of the schema with all of their columns.
func TestCopiedTables(t *testing.T) {
	s := openStore(t)
	db, err := connect(t.Context(), s.path, "ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.query(`SELECT m.name, c.name, c.type = 'TEXT' FROM sqlite_schema AS m JOIN pragma_table_info(m.name) AS c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY m.rowid, c.cid`, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var want []sqlstore.Table
	for rows.Next() {
		var table string
		var column sqlstore.Column
		if err := rows.Scan(&table, &column.Name, &column.Text); err != nil {
			t.Fatal(err)
		}
		if len(want) == 0 || want[len(want)-1].Name != table {
			want = append(want, sqlstore.Table{Name: table})
		}
		last := &want[len(want)-1]
		last.Columns = append(last.Columns, column)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, sqlstore.Tables()); diff != "" || len(want) < 30 {
		t.Errorf("-schema +copied:\n%s", diff)
	}
}

// A copy has the records and the id of the store, odd texts and empty ones included, and goes on from there.
func TestCopy(t *testing.T) {
	s := openStore(t)
	subjects := []string{"a\x00b", "", "é🙂", "\xff"}
	for _, subject := range subjects {
		addFact(t, s, subject)
	}
	file := filepath.Join(t.TempDir(), "copy.db")
	records := 0
	err := Create(t.Context(), file, func(to sqlstore.Target) (err error) {
		records, err = s.Copy(t.Context(), to)
		return err
	})
	if err != nil || records < len(subjects)+3 { // with the store's id and times
		t.Fatalf("copied %d records, %v", records, err)
	}
	copied := reopenStore(t, file)
	if copied.ID() != s.ID() || !copied.Created().Equal(s.Created()) {
		t.Errorf("the copy is store %s of %s, want %s of %s", copied.ID(), copied.Created(), s.ID(), s.Created())
	}
	addFact(t, copied, "later")
	facts, err := copied.Facts(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range facts {
		got = append(got, f.Subject)
	}
	if diff := cmp.Diff(append(subjects, "later"), got); diff != "" {
		t.Errorf("-want +copied:\n%s", diff)
	}
	if err := Create(t.Context(), file, nil); err == nil || !strings.Contains(err.Error(), "already exists") {
		t.Errorf("copied over a file: %v", err)
	}
}

// lossyTarget loses the last row of each batch.
type lossyTarget struct{ sqlstore.Target }

func (l lossyTarget) Insert(ctx context.Context, t sqlstore.Table, rows [][]any) error {
	return l.Target.Insert(ctx, t, rows[1:])
}

// A copy that differs, or that fails, leaves no file.
func TestCopyIsCompared(t *testing.T) {
	s := openStore(t)
	addFact(t, s, "a")
	errFull := errors.New("disk full")
	for want, fill := range map[string]func(sqlstore.Target) error{
		"the copy differs: 3 rows were written and 2 are there": func(to sqlstore.Target) error {
			_, err := s.Copy(t.Context(), lossyTarget{to})
			return err
		},
		"disk full": func(sqlstore.Target) error { return errFull },
	} {
		folder := t.TempDir()
		err := Create(t.Context(), filepath.Join(folder, "copy.db"), fill)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %s", err, want)
		}
		if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
			t.Errorf("%v are left, %v", left, err)
		}
	}
}

// A database is not copied beside a server.
func TestOpenStopped(t *testing.T) {
	s := openStore(t)
	if _, _, err := OpenStopped(t.Context(), s.path); err == nil || !strings.Contains(err.Error(), "is running with this database") {
		t.Fatalf("opened beside a server: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r, release, err := OpenStopped(t.Context(), s.path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), s.path, s.logger); err == nil {
		t.Error("a server started beside the copying")
	}
	if _, err := r.Facts(t.Context(), 0, 1); err != nil {
		t.Error(err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
}

// New deliveries of a copy have higher ids than those that were removed.
func TestCopyAfterARemoval(t *testing.T) {
	s := openStore(t)
	accept(t, s, "a", "b")
	file := filepath.Join(t.TempDir(), "copy.db")
	err := s.Update(t.Context(), func(tx dora.Tx) error {
		if err := errors.Join(tx.Deliveries().Done(1), tx.Deliveries().Done(2), tx.Removal().MarkArrival()); err != nil {
			return err
		}
		_, err := tx.Removal().RemoveDeliveries(2, 10)
		return err
	})
	if err == nil {
		err = Create(t.Context(), file, func(to sqlstore.Target) error {
			_, err := s.Copy(t.Context(), to)
			return err
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	copied := reopenStore(t, file)
	accept(t, copied, "c")
	all, err := copied.Recent(t.Context(), 10)
	if err != nil || len(all) != 1 || all[0].ID != 3 {
		t.Errorf("the deliveries of the copy are %+v, %v; want one with id 3", all, err)
	}
}
