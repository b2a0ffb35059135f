package sqlstore

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc64"
	"math"
	"slices"
	"strings"
	"time"
)

var crcTable = crc64.MakeTable(crc64.ECMA)

// summed are columns of a row as their checksum is made of. The length of each text precedes it, so that no two rows of a table are the same.
type summed []byte

func (s summed) number(n int64) summed { return binary.BigEndian.AppendUint64(s, uint64(n)) }

func (s summed) text(text string) summed { return append(s.number(int64(len(text))), text...) }

func (s summed) bytes(b []byte) summed { return append(s.number(int64(len(b))), b...) }

// null is shorter than every other column.
func (s summed) null() summed { return append(s, 0) }

func (s summed) sum() int64 { return int64(crc64.Checksum(s, crcTable)) }

// checksum returns the checksum of a row's columns, which are the same as parameters and as they are stored. SQLite has none for its pages.
func checksum(columns ...any) int64 {
	s := make(summed, 0, 512)
	for _, column := range columns {
		switch c := column.(type) {
		case int64:
			s = s.number(c)
		case bool:
			s = s.number(oneIf(c))
		case float64:
			s = s.number(int64(math.Float64bits(c)))
		case []byte:
			s = s.bytes(c)
		case string:
			s = s.text(c)
		case sql.NullInt64:
			if c.Valid {
				s = s.number(c.Int64)
			} else {
				s = s.null()
			}
		case nil:
			s = s.null()
		default:
			panic(fmt.Sprintf("a column of type %T", column))
		}
	}
	return s.sum()
}

// onlyID is the id of the row of a table that has one row at most.
const onlyID = int64(1)

// oneIf returns a boolean as it is stored.
func oneIf(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// withChecksum returns the columns of a row and their checksum.
func withChecksum(row ...any) []any { return append(row, checksum(row...)) }

// shortened are the tables whose checksums have 24 bits, which find each single bit, too: their rows are short and many.
var shortened = map[string]bool{"statuses": true, "shipped": true, "titles": true}

// shortChecksum returns the checksum of a row of a table in shortened.
func shortChecksum(columns ...any) int64 { return checksum(columns...) << 40 >> 40 }

// checksumIn returns the checksum of a row of a table.
func checksumIn(table string, columns ...any) int64 {
	if shortened[table] {
		return shortChecksum(columns...)
	}
	return checksum(columns...)
}

// checkedColumns lists the tables whose rows have a checksum, with what it covers.
var checkedColumns = map[string][]string{
	"meta":             {"key", "value"},
	"clock":            {"id", "reading", "wall"},
	"deliveries":       {"source", checkedText, "event", "received"},
	"baselines":        {"hash", "source", "details", "taken"},
	"commits":          {checkedText, "origin"},
	"lookups":          {"commit_key", "details", "repository", "attempts", "misses", "failing_since", "failing_calls", "inaccessible"},
	"waiting_statuses": {"commit_key", "subject", "labels", "at", "id"},
	"deployments":      {"key", "details"},
	"statuses":         {"host", "deployment", "state", "at", "id"},
	"shipped":          {"name", "scope", "deployment", "change", "revert"},
	"titles":           {"scope", "title", "change", "deployment"},
	"incidents":        {"key", "details"},
	"incident_events":  {"key", "events"},
	"series":           {"family", "labels", "position", "at"},
	"label_sets":       {"families", "labels"},
	"reserved_series":  {"families", "count"},
	"repositories":     {"key", "host", "id"},
	"environments":     {"repository", "folded", "name", "production"},
	"evaluations":      {"key", "kind", "attempts", "misses", "failing_since", "failing_calls", "inaccessible"},
	"evidence":         {"cause", "by", "target", "scope", "at", "detail", "late"},
	"all_evidence":     {"giver", "cause", "by", "target", "scope", "at", "detail", "late"},
	"failed_changes":   {"target", "scope", "cause", "by", "at", "detail", "late", "repaired_by", "repaired_at"},
	"sums":             {"family", "labels", "own", "at", "id", "buckets"},
	"sums_position":    {"id", "position", "bounds", "rows"},
	"removal":          {"id", "position", "before", "complete", "keys", "keys_sum"},
	"pushed":           {"instrument", "labels", "until", "value", "buckets"},
	"owned":            {"scope", "owner", "repository", "team", "production", "counts"},
	"stale_days":       {"scope", "since"},
	"backfill_parts":   {"name", "state"},
	"archive_pages":    {"part", "number", "page"},
	"days":             {"owned", "date", "measured"},
}

// checkRow compares a row's checksum with its columns.
func checkRow(path, row string, stored int64, columns ...any) error {
	if stored != checksum(columns...) {
		return &CorruptError{Path: path, What: row + " does not match its checksum"}
	}
	return nil
}

// checkRows checks the checksums of all rows that have one; of the deliveries only those that are pending, since the others have no
// further effect. It rests after each table.
func (r *Reader) checkRows(ctx context.Context, least time.Duration) error {
	for table := range checkedColumns {
		began := time.Now()
		query := selectChecked(table)
		if table == "deliveries" {
			query += " WHERE state = 0"
		}
		if err := errors.Join(r.checkTable(ctx, table, query), Rest(ctx, began, least)); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reader) checkTable(ctx context.Context, table, query string) error {
	err := r.query(ctx, query, nil, func(rows Rows) error {
		_, err := scanChecked(r.path, table, rows)
		return err
	})
	if corrupt := (*CorruptError)(nil); err != nil && !errors.As(err, &corrupt) {
		return fmt.Errorf("check %s: %w", table, err)
	}
	return err
}

// selectChecked selects what the checksums of a table cover, for scanChecked.
func selectChecked(table string) string {
	return "SELECT checksum, " + strings.Join(checkedColumns[table], ", ") + " FROM " + table
}

// scanChecked reads what the checksum of a row covers, and checks it.
func scanChecked(path, table string, rows Rows) (row []any, err error) {
	var stored int64
	row = make([]any, len(checkedColumns[table]))
	into := []any{&stored}
	for i := range row {
		into = append(into, &row[i])
	}
	if err := rows.Scan(into...); err != nil {
		return nil, err
	}
	if stored == checksumIn(table, row...) {
		return row, nil
	}
	name := row[0]
	if text, ok := name.([]byte); ok {
		name = string(text)
	}
	return nil, &CorruptError{Path: path, What: fmt.Sprintf("a row of %s (%v) does not match its checksum", table, name)}
}

// CheckedColumns returns the columns of a table that its checksums cover, as they are selected.
func CheckedColumns(table string) []string { return slices.Clone(checkedColumns[table]) }
