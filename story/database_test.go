package story

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"dora-exporter/dora"
	"dora-exporter/persistence/sqlstore"
	"dora-exporter/persistence/teststore"
)

// The story is told with SQLite, or with PostgreSQL if the variable TEST_POSTGRES has the URL of a database.

// database is the path of the exporter's database, or what it is called with PostgreSQL.
func (e *exporter) database() string { return filepath.Join(e.folder, "dora-exporter.db") }

// reserveDatabase keeps others from the database until the exporter has ended: what is cleaned up first is what was prepared last.
func (e *exporter) reserveDatabase() {
	e.Helper()
	if teststore.InPostgres() {
		teststore.Schema(e.T, e.database())
	}
}

// configureDatabase adds the database to the configuration if it is in PostgreSQL.
func (e *exporter) configureDatabase() {
	e.Helper()
	text, err := os.ReadFile(filepath.Join(e.folder, "config.yml"))
	if !teststore.InPostgres() || errors.Is(err, fs.ErrNotExist) || strings.Contains(string(text), "database:") {
		return
	}
	if err != nil {
		e.Fatal(err)
	}
	url, schema := teststore.Schema(e.T, e.database())
	keys := fmt.Sprintf("\nstorage: {database: %q, schema: %s, file: {path: dora-exporter.prom}", url, schema)
	before, after, found := strings.Cut(string(text), "\nstorage: {")
	if found {
		e.write("config.yml", before+keys+", "+after)
		return
	}
	e.write("config.yml", strings.TrimSuffix(before, "\n")+keys+"}\n")
}

// tamper changes the database as no program should, while the exporter is stopped.
func (e *exporter) tamper(statement string, args ...any) {
	e.Helper()
	teststore.Exec(e.T, e.database(), statement, args...)
}

// loseDatabase removes the database while the exporter is stopped.
func (e *exporter) loseDatabase() {
	e.Helper()
	teststore.Remove(e.T, e.database())
}

// reader opens the database of an exporter that is stopped, for f to read it.
func (e *exporter) reader(f func(*sqlstore.Reader) error) {
	e.Helper()
	r := teststore.Reader(e.T, e.database())
	if err := errors.Join(f(r), r.Close()); err != nil {
		e.Fatal(err)
	}
}

// newestEvent returns the event of the delivery that arrived last.
func (e *exporter) newestEvent() (event dora.Event) {
	e.Helper()
	e.reader(func(r *sqlstore.Reader) error {
		newest, err := r.Recent(e.Context(), 1)
		if err == nil && len(newest) != 1 {
			err = fmt.Errorf("the newest delivery is %v", newest)
		}
		if err == nil {
			event = newest[0].Event
		}
		return err
	})
	return event
}

// lock takes what a process needs to write to the database, as another process.
func (e *exporter) lock() (release func()) {
	e.Helper()
	return teststore.Lock(e.T, e.database())
}
