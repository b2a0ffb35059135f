package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/internal/localfile"
)

// emptyFile makes a database without tables.
func emptyFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "empty.db")
	if err := localfile.CreateDatabase(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func openConn(t *testing.T) *conn {
	t.Helper()
	return connectTest(t, emptyFile(t))
}

func connectTest(t *testing.T, path string) *conn {
	t.Helper()
	c, err := connect(t.Context(), path, "rw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// endless is a query that takes longer than a test may.
const endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"

func TestParameterTypes(t *testing.T) {
	c := openConn(t)
	for name, test := range map[string]struct {
		parameter any
		want      string
	}{
		"none":           {nil, "NULL"},
		"number":         {int64(-1 << 63), "-9223372036854775808"},
		"int":            {7, "7"},
		"small number":   {uint8(7), "7"},
		"true":           {true, "1"},
		"fraction":       {0.5, "0.5"},
		"text":           {"it's é\x00", "CAST(X'6974277320c3a900' AS TEXT)"},
		"empty text":     {"", "''"},
		"text of a type": {dora.CauseRevert, "'revert'"},
		"bytes":          {[]byte{0, 255}, "X'00FF'"},
		"empty bytes":    {[]byte{}, "X''"},
		"no bytes":       {[]byte(nil), "NULL"},
		"no number":      {sql.NullInt64{}, "NULL"},
		"some number":    {sql.NullInt64{Int64: 3, Valid: true}, "3"},
	} {
		t.Run(name, func(t *testing.T) {
			var same bool
			if err := c.queryRow("SELECT ? IS "+test.want, []any{test.parameter}, &same); err != nil || !same {
				t.Errorf("%v is not %s, error %v", test.parameter, test.want, err)
			}
		})
	}
	for name, parameters := range map[string][]any{
		"time": {time.Now()}, "too few": {}, "too many": {1, 2}, "no column": {struct{}{}}, "large number": {uint64(1 << 63)},
	} {
		if err := c.exec("SELECT ?", parameters...); err == nil {
			t.Errorf("%s: no error", name)
		}
		if err := c.exec("SELECT ?", 1); err != nil {
			t.Errorf("after %s: %v", name, err)
		}
	}
}

// A number that has another type than was stored is damaged. Texts and blobs have checksums.
func TestColumnTypes(t *testing.T) {
	c := openConn(t)
	type named string
	into := map[string]func() any{
		"INTEGER": func() any { return new(int64) }, "int": func() any { return new(int) }, "bool": func() any { return new(bool) },
		"REAL": func() any { return new(float64) }, "TEXT": func() any { return new(string) }, "named": func() any { return new(named) },
		"BLOB": func() any { return new([]byte) }, "raw": func() any { return new(sql.RawBytes) }, "nullable": func() any { return new(sql.NullInt64) },
		"any": func() any { return new(any) }, "list": func() any { return new([]int) },
	}
	all := []string{"1", "1.5", "'a'", "X'61'", "NULL"}
	for name, readable := range map[string][]string{
		"INTEGER": {"1"}, "int": {"1"}, "bool": {"1"}, "REAL": {"1", "1.5"}, "TEXT": all[:4], "named": all[:4], "BLOB": all,
		"raw": all, "nullable": {"1", "NULL"}, "any": all, "list": nil,
	} {
		var got []string
		for _, value := range all {
			if c.queryRow("SELECT "+value, nil, into[name]()) == nil {
				got = append(got, value)
			}
		}
		if diff := cmp.Diff(readable, got); diff != "" {
			t.Errorf("readable into %s:\n%s", name, diff)
		}
	}
	var text named
	var bytes []byte
	var anything any
	if err := c.queryRow("SELECT 'é', X'00ff', 2.5", nil, &text, &bytes, &anything); err != nil || text != "é" || string(bytes) != "\x00\xff" || anything != 2.5 {
		t.Errorf("read %q, %q, %v, error %v", text, bytes, anything, err)
	}
	if err := c.queryRow("SELECT 1, 2", nil, new(int)); err == nil {
		t.Error("a column was ignored")
	}
	if err := c.queryRow("SELECT 1 WHERE FALSE", nil, new(int)); !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("no row: %v", err)
	}
}

// A query may run while its rows are read, and with more queries than are kept.
func TestSameQueryTwice(t *testing.T) {
	c := openConn(t)
	for _, kept := range []int{maxStatements, 0} {
		c.maxStatements = kept
		const query = "SELECT ? UNION ALL SELECT 0"
		outer, err := c.query(query, []any{5})
		if err != nil || !outer.Next() {
			t.Fatal(err)
		}
		var first, inner int
		if err := errors.Join(c.queryRow(query, []any{7}, &inner), outer.Scan(&first)); err != nil || inner != 7 || first != 5 {
			t.Errorf("%d statements kept: inner %d, outer %d, error %v; want 7 and 5", kept, inner, first, err)
		}
		if !outer.Next() || outer.Next() || outer.Err() != nil {
			t.Errorf("%d statements kept: the outer query did not go on to its end: %v", kept, outer.Err())
		}
		if err := outer.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestContextEndsAQuery(t *testing.T) {
	c := openConn(t)
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		c.attach(ctx)
		time.AfterFunc(time.Millisecond, cancel)
		if err := c.queryRow(endless, nil, new(int)); !errors.Is(err, context.Canceled) {
			t.Errorf("the query ended with %v", err)
		}
		if err := c.exec("SELECT 1"); !errors.Is(err, context.Canceled) {
			t.Errorf("the next query ended with %v", err)
		}
		c.detach()
		if err := c.exec("SELECT 1"); err != nil {
			t.Errorf("after the context: %v", err)
		}
	}
}

// A wait for a lock ends with the lock, with the context, or after a time.
func TestLockedElsewhere(t *testing.T) {
	path := emptyFile(t)
	holder, waiting := connectTest(t, path), connectTest(t, path)
	lock := func() {
		if err := holder.exec("BEGIN IMMEDIATE"); err != nil {
			t.Fatal(err)
		}
	}
	lock()
	ctx, cancel := context.WithCancel(t.Context())
	waiting.attach(ctx)
	time.AfterFunc(time.Millisecond, cancel)
	if err := waiting.exec("BEGIN IMMEDIATE"); !errors.Is(err, context.Canceled) {
		t.Errorf("a wait whose context ended: %v", err)
	}
	waiting.detach()
	waiting.lockTimeout = 0
	if err := waiting.exec("BEGIN IMMEDIATE"); !isBusy(err) {
		t.Errorf("without waiting: %v", err)
	}
	waiting.lockTimeout = time.Hour
	released := make(chan error)
	time.AfterFunc(time.Millisecond, func() { released <- holder.exec("ROLLBACK") })
	var waited error
	go func() { waited = waiting.exec("BEGIN IMMEDIATE"); released <- nil }()
	if err := errors.Join(<-released, <-released, waited); err != nil {
		t.Errorf("until the lock is released: %v", err)
	}
}

func TestLargeParametersAreReleased(t *testing.T) {
	c := openConn(t)
	small, large := "a", strings.Repeat("b", largeValue)
	const query = "SELECT ?, ?, ?"
	if err := c.exec(query, small, large, []byte(large)); err != nil {
		t.Fatal(err)
	}
	s := c.statements[query]
	if row, err := s.Step(); !row || err != nil { // with the parameters that it still has
		t.Fatal(row, err)
	}
	if s.ColumnText(0) != small || !s.ColumnIsNull(1) || !s.ColumnIsNull(2) {
		t.Errorf("it still has %q, %d and %d bytes", s.ColumnText(0), s.ColumnLen(1), s.ColumnLen(2))
	}
	if err := s.Reset(); err != nil {
		t.Fatal(err)
	}
}

// Messages have SQLite's text and code, and not the statement.
func TestMessages(t *testing.T) {
	c := openConn(t)
	if err := c.script("CREATE TABLE t (a INTEGER NOT NULL) STRICT"); err != nil {
		t.Fatal(err)
	}
	for statement, want := range map[string]string{
		"SELECT missing":                  "SQL logic error: no such column: missing (SQLITE_ERROR)",
		"INSERT INTO t (a) VALUES (NULL)": "constraint failed: NOT NULL constraint failed: t.a (SQLITE_CONSTRAINT_NOTNULL)",
	} {
		if err := c.exec(statement); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", statement, err, want)
		}
	}
}

func TestClosedConnection(t *testing.T) {
	c, err := connect(t.Context(), emptyFile(t), "rw")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.exec("SELECT 1"); !errors.Is(err, errClosed) || !isStorageFailure(err) {
		t.Errorf("a query: %v", err)
	}
	if err := c.Close(); !errors.Is(err, errClosed) {
		t.Errorf("closed again: %v", err)
	}
}

func TestConnectToMissingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing.db")
	if c, err := connect(t.Context(), path, "rw"); err == nil {
		t.Errorf("a missing file was opened, closed with %v", c.Close())
	}
}

// The bytes of each column stay until the next row, and those of large rows are not kept with the statement.
func TestRawBytes(t *testing.T) {
	c := openConn(t)
	const query = "SELECT column1, column2 FROM (VALUES (X'0102', 'text'), (NULL, X''), (zeroblob(10000), 'end'), ('', NULL))"
	s, err := c.query(query, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][2]string{{"\x01\x02", "text"}, {"", ""}, {strings.Repeat("\x00", 10_000), "end"}, {"", ""}} {
		var a, b sql.RawBytes
		if !s.Next() {
			t.Fatalf("row %d is missing: %v", i, s.Err())
		}
		if err := s.Scan(&a, &b); err != nil {
			t.Fatal(err)
		}
		if string(a) != want[0] || string(b) != want[1] {
			t.Errorf("row %d: %d bytes and %q", i, len(a), b)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if cap(s.row) > largeValue {
		t.Errorf("the statement keeps %d bytes", cap(s.row))
	}
}
