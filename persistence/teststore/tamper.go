package teststore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	_ "modernc.org/sqlite"             // the driver sqlite
)

// connect opens the database of a path beside the program's packages.
func connect(tb testing.TB, path string) *sql.DB {
	tb.Helper()
	driver, source := "sqlite", "file:"+path+"?_pragma=busy_timeout(10000)"
	if InPostgres() {
		url, schema := Schema(tb, path)
		driver, source = "pgx", url+"&search_path="+schema
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		tb.Fatal(err)
	}
	return db
}

// Exec executes a statement with the parameters ? on the database of a path.
func Exec(tb testing.TB, path, statement string, args ...any) {
	tb.Helper()
	db := connect(tb, path)
	if InPostgres() {
		for i, arg := range args {
			statement = strings.Replace(statement, "?", fmt.Sprintf("$%d", i+1), 1)
			if text, ok := arg.(string); ok {
				args[i] = []byte(text) // the type of texts
			}
		}
	}
	_, err := db.ExecContext(tb.Context(), statement, args...)
	if err := errors.Join(err, db.Close()); err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
}

// FailChanges lets each change of a table of the database of a path fail, with "made to fail", until it is undone.
func FailChanges(tb testing.TB, path, table string) (undo func()) {
	tb.Helper()
	if InPostgres() {
		Exec(tb, path, "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'made to fail'; END $$")
		Exec(tb, path, "CREATE TRIGGER fail AFTER INSERT OR UPDATE OR DELETE ON "+table+" FOR EACH ROW EXECUTE FUNCTION fail()")
		return func() { Exec(tb, path, "DROP FUNCTION fail CASCADE") }
	}
	changes := []string{"INSERT", "UPDATE", "DELETE"}
	for _, change := range changes {
		Exec(tb, path, "CREATE TRIGGER fail_"+change+" AFTER "+change+" ON "+table+" BEGIN SELECT RAISE(ABORT, 'made to fail'); END")
	}
	return func() {
		for _, change := range changes {
			Exec(tb, path, "DROP TRIGGER fail_"+change)
		}
	}
}

// Count returns how many rows a table of the database of a path has, which is followed by a condition, if there is one.
func Count(tb testing.TB, path, table string) (n int) {
	tb.Helper()
	db := connect(tb, path)
	err := db.QueryRowContext(tb.Context(), "SELECT count(*) FROM "+table).Scan(&n)
	if err := errors.Join(err, db.Close()); err != nil {
		tb.Fatalf("count the rows of %s: %v", table, err)
	}
	return n
}

// Lock keeps others from writing to the database of a path until it is released, at the end of the test at the latest.
func Lock(tb testing.TB, path string) (release func()) {
	tb.Helper()
	ctx := context.WithoutCancel(tb.Context())
	begin := []string{"BEGIN IMMEDIATE"}
	if InPostgres() {
		begin = []string{"BEGIN", "LOCK TABLE deliveries IN SHARE MODE"}
	}
	db := connect(tb, path)
	conn, err := db.Conn(ctx)
	for _, statement := range begin {
		if err == nil {
			_, err = conn.ExecContext(ctx, statement)
		}
	}
	if err != nil {
		tb.Fatal(err)
	}
	release = sync.OnceFunc(func() {
		_, err := conn.ExecContext(ctx, "ROLLBACK")
		if err := errors.Join(err, conn.Close(), db.Close()); err != nil {
			tb.Error(err)
		}
	})
	tb.Cleanup(release)
	return release
}

// Remove removes the store of a path, which nobody has open.
func Remove(tb testing.TB, path string) {
	tb.Helper()
	if InPostgres() {
		_, schema := Schema(tb, path)
		if err := empty(schema); err != nil {
			tb.Fatal(err)
		}
		return
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			tb.Fatal(err)
		}
	}
}
