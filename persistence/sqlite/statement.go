package sqlite

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
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
	err       error
}

// start sets the parameters and begins to execute the statement, until Close.
func (s *statement) start(args []any) error {
	s.executing, s.err = true, nil
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
		s.BindText(i, arg)
	case []byte:
		if arg == nil {
			s.BindNull(i)
		} else {
			s.BindBytes(i, arg)
		}
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

// Next reads the next row; false if there is none.
func (s *statement) Next() bool {
	if s.err != nil {
		return false
	}
	row, err := s.Step()
	if err != nil {
		s.err = s.conn.failed(err)
	}
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
	end := s.Reset
	if s.transient {
		end = s.Finalize
	}
	if err := end(); err != nil && s.err == nil { // or it is the error of the execution
		return s.conn.failed(err)
	}
	return nil
}

// Scan copies the columns of a row. Each must have the type of its destination.
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
		return expect(found, sqlite.TypeInteger)
	case *int:
		*into = s.ColumnInt(i)
		return expect(found, sqlite.TypeInteger)
	case *bool:
		*into = s.ColumnBool(i)
		return expect(found, sqlite.TypeInteger)
	case *float64:
		if *into = s.ColumnFloat(i); found == sqlite.TypeInteger {
			return nil
		}
		return expect(found, sqlite.TypeFloat)
	case *string:
		*into = s.ColumnText(i)
		return expect(found, sqlite.TypeText)
	case *[]byte:
		if *into = s.bytes(i); found == sqlite.TypeText || found == sqlite.TypeNull {
			return nil
		}
		return expect(found, sqlite.TypeBlob)
	case *sql.RawBytes:
		*into = s.bytes(i)
		return expect(found, sqlite.TypeBlob)
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
	return expect(found, sqlite.TypeText)
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

// expect returns an error if a column has another type. SQLite would convert it.
func expect(found, wanted sqlite.ColumnType) error {
	if found != wanted {
		return fmt.Errorf("it is %v instead of %v", found, wanted)
	}
	return nil
}
