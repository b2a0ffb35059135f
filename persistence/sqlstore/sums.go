package sqlstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	fastjson "github.com/go-json-experiment/json/v1"

	"dora-exporter/dora"
)

// Sums returns the sums that SaveSums stored last; its zero value if there are none. Sums that are damaged, or not all there, are a
// *CorruptError.
func (r *Reader) Sums(ctx context.Context) (s dora.Sums, err error) {
	err = r.Snapshot(ctx, func(r *Reader) error {
		p, rows, err := r.storedSums(ctx)
		if err != nil || p == (sumsPosition{}) {
			return err
		}
		s, err = decodeSums(r.path, p, rows)
		return err
	})
	if err != nil {
		return dora.Sums{}, fmt.Errorf("read the sums of the facts: %w", err)
	}
	return s, nil
}

// sumsOf returns the sums of families, from a snapshot. The others are not read: of these, only a row that is missing is noticed.
func (r *Reader) sumsOf(ctx context.Context, families []string) (s dora.Sums, err error) {
	p, err := readSumsPosition(r.path, r.queryFunc(ctx))
	if err == nil && p != (sumsPosition{}) {
		s, err = r.readSums(ctx, p, families)
	}
	if err != nil {
		return dora.Sums{}, fmt.Errorf("read the sums of the facts: %w", err)
	}
	return s, nil
}

func (r *Reader) readSums(ctx context.Context, p sumsPosition, families []string) (s dora.Sums, err error) {
	sum, err := r.checksumOfSums(ctx)
	if err == nil && sum != p.rows {
		err = errSumsMissing(r.path)
	}
	if err != nil {
		return s, err
	}
	rows, err := r.sumRows(ctx, " WHERE family IN ("+placeholders(len(families))+")", toAny(families)...)
	if err != nil {
		return s, err
	}
	return decodeSums(r.path, p, rows)
}

// checksumOfSums returns rowsSum of all rows.
func (r *Reader) checksumOfSums(ctx context.Context) (sum int64, err error) {
	err = r.query(ctx, "SELECT checksum FROM sums", nil, func(rows Rows) error {
		var row int64
		if err := rows.Scan(&row); err != nil {
			return errSumUnreadable(r.path, err)
		}
		sum += row
		return nil
	})
	return sum, err
}

// checkSums looks for what a start would refuse: sums that are damaged or not all there, or that lack facts which were removed.
func (r *Reader) checkSums(ctx context.Context) error {
	sums, err := r.Sums(ctx)
	if err != nil {
		return err
	}
	removed, err := r.Removal(ctx)
	if err != nil {
		return err
	}
	last, err := r.LastPosition(ctx)
	if err != nil {
		return err
	}
	if sums.Position < removed.Position || sums.Position > last {
		return &CorruptError{Path: r.path, What: fmt.Sprintf("it has the sums of %d facts, and facts from %d to %d", sums.Position, removed.Position+1, last)}
	}
	return nil
}

func decodeSums(path string, p sumsPosition, rows map[sumKey]sumRow) (s dora.Sums, err error) {
	s.Position = p.position
	if err := json.Unmarshal([]byte(p.bounds), &s.Bounds); err != nil {
		return s, &CorruptError{Path: path, What: "the bounds of the sums can't be read", Err: err}
	}
	s.State, err = stateOf(path, rows)
	return s, err
}

// storedSums returns the rows of both tables, from a snapshot. If they are damaged, or not all there, the position is still returned.
func (r *Reader) storedSums(ctx context.Context) (p sumsPosition, rows map[sumKey]sumRow, err error) {
	if p, err = readSumsPosition(r.path, r.queryFunc(ctx)); err != nil {
		return p, nil, err
	}
	rows, err = r.sumRows(ctx, "")
	if err == nil && p.rows != rowsSum(rows) {
		err = errSumsMissing(r.path)
	}
	return p, rows, err
}

func errSumsMissing(path string) error {
	return &CorruptError{Path: path, What: "the sums of the facts are not all there"}
}

// errSumUnreadable returns the error of a row with other types than it was stored with.
func errSumUnreadable(path string, err error) error {
	return &CorruptError{Path: path, What: "a sum of the facts can't be read", Err: err}
}

// sumRow is a row of the table sums as it is stored.
type sumRow struct {
	own, at, id int64
	buckets     string
	checksum    int64
}

// sumKey is the key of a sumRow.
type sumKey struct{ family, labels string }

// columns returns what the checksum of a row covers.
func (k sumKey) columns(row sumRow) []any {
	return []any{k.family, k.labels, row.own, row.at, row.id, row.buckets}
}

func (k sumKey) check(path string, row sumRow) error {
	return checkRow(path, "the sum of a series of "+k.family, row.checksum, k.columns(row)...)
}

// sumRows returns the rows of a condition.
func (r *Reader) sumRows(ctx context.Context, where string, args ...any) (map[sumKey]sumRow, error) {
	all := map[sumKey]sumRow{}
	err := r.query(ctx, "SELECT family, labels, own, at, id, buckets, checksum FROM sums"+where, args, func(rows Rows) error {
		var key sumKey
		var row sumRow
		if err := rows.Scan(&key.family, &key.labels, &row.own, &row.at, &row.id, &row.buckets, &row.checksum); err != nil {
			return errSumUnreadable(r.path, err)
		}
		all[key] = row
		return key.check(r.path, row)
	})
	return all, err
}

// sumsPosition is the row of the table sums_position. Its zero value stands for none.
type sumsPosition struct {
	position int64
	bounds   string
	rows     int64
}

func (p sumsPosition) checksum() int64 { return checksum(onlyID, p.position, p.bounds, p.rows) }

// readSumsPosition reads the row and checks its checksum. If that does not match, the position is still returned.
func readSumsPosition(path string, query queryFunc) (p sumsPosition, err error) {
	err = query("SELECT position, bounds, rows, checksum FROM sums_position", nil, func(rows Rows) error {
		var sum int64
		if err := rows.Scan(&p.position, &p.bounds, &p.rows, &sum); err != nil {
			return errSumUnreadable(path, err)
		}
		if sum != p.checksum() {
			return errSumsMissing(path)
		}
		return nil
	})
	return p, err
}

// stateOf decodes rows.
func stateOf(path string, rows map[sumKey]sumRow) (dora.State, error) {
	state := dora.State{}
	for key, row := range rows {
		series := dora.Series{Own: row.own, At: fromMillis(row.at), ID: row.id}
		var err error
		if series.Labels, err = parseLabels(key.labels); err == nil && row.buckets != noBuckets {
			err = fastjson.Unmarshal([]byte(row.buckets), &series.Buckets)
		}
		if err != nil {
			return nil, &CorruptError{Path: path, What: "the sum of a series of " + key.family + " can't be read", Err: err}
		}
		if state[key.family] == nil {
			state[key.family] = map[string]dora.Series{}
		}
		state[key.family][series.Labels.Key()] = series
	}
	return state, nil
}

// rowsSum is the same for the same rows in any order.
func rowsSum(rows map[sumKey]sumRow) (sum int64) {
	for _, row := range rows {
		sum += row.checksum
	}
	return sum
}

// errSumsChanged reports that the removal of facts has changed the sums since they were read.
var errSumsChanged = errors.New("the sums have changed")

// SaveSums replaces the sums, unless those that are stored have later facts. It writes only the series that have changed. It must not
// be called again before it has returned.
func (s *Store) SaveSums(ctx context.Context, sums dora.Sums) error {
	err := s.saveSums(ctx, sums)
	for errors.Is(err, errSumsChanged) {
		err = s.saveSums(ctx, sums)
	}
	if err != nil {
		return fmt.Errorf("save the sums of the facts: %w", err)
	}
	return nil
}

func (s *Store) saveSums(ctx context.Context, sums dora.Sums) error {
	var was sumsPosition
	var rows map[sumKey]sumRow
	err := s.Snapshot(ctx, func(r *Reader) (err error) {
		was, rows, err = r.storedSums(ctx)
		return err
	})
	var corrupt *CorruptError
	unusable := errors.As(err, &corrupt)
	if unusable {
		rows = map[sumKey]sumRow{}
	} else if err != nil {
		return err
	}
	changed, err := encodeSums(sums, rows)
	if err != nil {
		return err
	}
	bounds, err := json.Marshal(sums.Bounds)
	if err != nil {
		return err
	}
	return s.update(ctx, func(t *tx) error {
		var is int64
		if _, err := t.queryRow("SELECT position FROM sums_position", nil, &is); err != nil {
			return err
		}
		switch {
		case is != was.position:
			return errSumsChanged
		case is > sums.Position && !unusable:
			return nil // a removal has added later facts
		}
		if unusable {
			if err := t.send("DELETE FROM sums"); err != nil {
				return err
			}
		}
		return t.writeSums(sumsPosition{sums.Position, string(bounds), rowsSum(rows)}, rows, changed)
	})
}

var (
	saveSum          = upsert("sums", "family, labels", "own, at, id, buckets, checksum")
	saveSumsPosition = upsert("sums_position", "id", "position, bounds, rows, checksum")
)

// writeSums writes the rows that have changed, and the position of all.
func (t *tx) writeSums(p sumsPosition, rows map[sumKey]sumRow, changed []sumKey) error {
	for _, key := range changed {
		row := rows[key]
		err := t.send(saveSum, key.family, key.labels, row.own, row.at, row.id, row.buckets, row.checksum)
		if err != nil {
			return err
		}
	}
	return t.send(saveSumsPosition, onlyID, p.position, p.bounds, p.rows, p.checksum())
}

// noBuckets is the text of a series without buckets.
const noBuckets = "null"

// encodeSums sets the rows of all series, those of series that are not in the state to 0, and returns the keys of those that it has changed.
func encodeSums(sums dora.Sums, rows map[sumKey]sumRow) (changed []sumKey, err error) {
	left := maps.Clone(rows)
	set := func(key sumKey, series dora.Series) error {
		row := sumRow{own: series.Own, at: series.At.UnixMilli(), id: series.ID, buckets: noBuckets}
		if slices.ContainsFunc(series.Buckets, func(n int64) bool { return n != 0 }) {
			buckets, err := json.Marshal(series.Buckets)
			if err != nil {
				return err
			}
			row.buckets = string(buckets)
		}
		row.checksum = checksum(key.columns(row)...)
		delete(left, key)
		if known, ok := rows[key]; !ok || known != row {
			rows[key] = row
			changed = append(changed, key)
		}
		return nil
	}
	for family, all := range sums.State {
		for _, series := range all {
			labels, err := labelsText(series.Labels)
			if err == nil {
				err = set(sumKey{family, labels}, series)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	for key := range left {
		if err := set(key, dora.Series{}); err != nil {
			return nil, err
		}
	}
	return changed, nil
}
