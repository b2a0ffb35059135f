package sqlite

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"
)

// statement is a prepared statement. While it is executed, it is the rows of its query.
type statement struct {
	*sqlite.Stmt
	conn *conn
	// transient is true if it is finalized after one execution.
	transient bool
	executing bool
	// stepped is true after the first attempt to read a row: then it holds the locks that it needs.
	stepped bool
	err     error
	// large are the parameters whose values are not kept until the next execution.
	large []int
	// row has the memory of the columns that were scanned as sql.RawBytes, until the next row.
	row []byte
}

// largeValue is the size in bytes from which a parameter's value is released after an execution.
const largeValue = 4096

// start sets the parameters and begins to execute the statement, until Close.
func (s *statement) start(args []any) error {
	s.executing, s.stepped, s.err = true, false, nil
	s.conn.executing++
	if n := s.BindParamCount(); n != len(args) {
		return fmt.Errorf("%d parameters instead of %d", len(args), n)
	}
	for i, arg := range args {
		if err := s.bind(i+1, arg); err != nil {
			return fmt.Errorf("parameter %d: %w", i+1, err)
		}
	}
	return nil
}

// errTime is returned for a time as a parameter: all columns with times are numbers.
var errTime = errors.New("a time is stored as a number")

// bind sets a parameter. database/sql's types of parameters are taken, but for times.
func (s *statement) bind(i int, arg any) error {
	switch arg := arg.(type) {
	case nil:
		s.BindNull(i)
	case int64:
		s.BindInt64(i, arg)
	case int:
		s.BindInt64(i, int64(arg))
	case bool:
		s.BindBool(i, arg)
	case float64:
		s.BindFloat(i, arg)
	case string:
		s.noteSize(i, len(arg))
		s.BindText(i, arg)
	case []byte:
		if arg == nil {
			s.BindNull(i)
			return nil
		}
		s.noteSize(i, len(arg))
		s.BindBytes(i, arg)
	case time.Time:
		return errTime
	default:
		value, err := driver.DefaultParameterConverter.ConvertValue(arg)
		if err != nil {
			return err
		}
		return s.bind(i, value)
	}
	return nil
}

func (s *statement) noteSize(i, size int) {
	if size >= largeValue {
		s.large = append(s.large, i)
	}
}

// Next reads the next row; false if there is none.
func (s *statement) Next() bool {
	if s.err != nil {
		return false
	}
	s.row = s.row[:0]
	row, err := s.Step()
	if err != nil && !s.stepped {
		err = s.conn.retryLocked(err, func() (err error) {
			row, err = s.Step()
			return err
		})
	}
	if err != nil {
		s.err = s.conn.failed(err)
	}
	s.stepped = true
	return row && err == nil
}

// Err returns why reading ended; nil if it came to the end.
func (s *statement) Err() error { return s.err }

// Close ends the execution.
func (s *statement) Close() error {
	if !s.executing {
		return nil
	}
	s.executing = false
	s.conn.executing--
	end := s.Reset
	if s.transient {
		end = s.Finalize
	}
	err := end()
	if !s.transient {
		for _, i := range s.large {
			s.BindNull(i)
		}
	}
	if s.large = s.large[:0]; cap(s.row) > largeValue {
		s.row = nil
	}
	if err != nil && s.err == nil { // or it is the error of the execution
		return s.conn.failed(err)
	}
	return nil
}

// Scan copies the columns of a row. Texts and blobs are read from any value: checksums find out whether it is what was stored.
func (s *statement) Scan(into ...any) error {
	if n := s.ColumnCount(); n != len(into) {
		return fmt.Errorf("%d columns instead of %d", n, len(into))
	}
	for i, destination := range into {
		if err := s.scan(i, destination); err != nil {
			return fmt.Errorf("column %d: %w", i, err)
		}
	}
	return nil
}

func (s *statement) scan(i int, into any) error {
	found := s.ColumnType(i)
	switch into := into.(type) {
	case *int64:
		*into = s.ColumnInt64(i)
		return expect(found, found == sqlite.TypeInteger, into)
	case *int:
		*into = s.ColumnInt(i)
		return expect(found, found == sqlite.TypeInteger, into)
	case *bool:
		*into = s.ColumnBool(i)
		return expect(found, found == sqlite.TypeInteger, into)
	case *float64:
		*into = s.ColumnFloat(i)
		return expect(found, found == sqlite.TypeFloat || found == sqlite.TypeInteger, into)
	case *string:
		*into = s.ColumnText(i)
		return expect(found, found != sqlite.TypeNull, into)
	case *[]byte:
		*into = s.bytes(i)
		return nil
	case *sql.RawBytes:
		*into = s.rawBytes(i)
		return nil
	case *any:
		*into = s.value(i)
		return nil
	case sql.Scanner:
		return into.Scan(s.value(i))
	default:
		return s.scanText(i, found, into)
	}
}

// scanText copies a text into a type of its own.
func (s *statement) scanText(i int, found sqlite.ColumnType, into any) error {
	pointer := reflect.ValueOf(into)
	if pointer.Kind() != reflect.Pointer || pointer.Elem().Kind() != reflect.String {
		return fmt.Errorf("no column can be read into a %T", into)
	}
	pointer.Elem().SetString(s.ColumnText(i))
	return expect(found, found != sqlite.TypeNull, into)
}

// value returns the value of a column, of a type like database/sql's.
func (s *statement) value(i int) any {
	switch s.ColumnType(i) {
	case sqlite.TypeInteger:
		return s.ColumnInt64(i)
	case sqlite.TypeFloat:
		return s.ColumnFloat(i)
	case sqlite.TypeText:
		return s.ColumnText(i)
	case sqlite.TypeBlob:
		return s.bytes(i)
	default:
		return nil
	}
}

// bytes returns a copy of a column; nil if it is NULL.
func (s *statement) bytes(i int) []byte {
	if s.ColumnIsNull(i) {
		return nil
	}
	b := make([]byte, s.ColumnLen(i))
	s.ColumnBytes(i, b)
	return b
}

// rawBytes returns a column until the next row; no bytes if it is NULL.
func (s *statement) rawBytes(i int) []byte {
	if s.ColumnIsNull(i) {
		return nil
	}
	begin, end := len(s.row), len(s.row)+s.ColumnLen(i)
	s.row = slices.Grow(s.row, end-begin)[:end]
	s.ColumnBytes(i, s.row[begin:])
	return s.row[begin:end:end]
}

// typeError reports that a column has a value that its destination can't have.
type typeError struct {
	found sqlite.ColumnType
	into  string
}

func (e *typeError) Error() string { return fmt.Sprintf("%v can't be read into %s", e.found, e.into) }

// expect returns an error unless a value was right. SQLite would convert it.
func expect(found sqlite.ColumnType, right bool, into any) error {
	if right {
		return nil
	}
	return &typeError{found, fmt.Sprintf("%T", into)}
}
