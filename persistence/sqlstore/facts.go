package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"dora-exporter/dora"
)

// selectFacts begins the queries for facts. What is missing in a damaged database does not match the checksum.
const selectFacts = `SELECT facts.position, series, coalesce((SELECT text FROM texts WHERE id = facts.family), ''), ` + checkedText + `,
	coalesce(labels, ''), value, facts.at, facts.id, facts.checksum FROM facts LEFT JOIN series ON series.id = series AND series.family = facts.family `

// ofSeries selects the facts of a series. Their index is in blocks of positions, in each by series: so all new facts are added at its end, where
// they change few pages and find them in memory, instead of a page for each series. A series is looked for in each block.
const ofSeries = `facts.position / 16384 IN (WITH RECURSIVE blocks (block) AS (
	SELECT (SELECT min(position) FROM facts) / 16384 UNION ALL SELECT block + 1 FROM blocks WHERE block < (SELECT max(position) FROM facts) / 16384
	) SELECT block FROM blocks) AND series`

// facts calls add for each fact of a query. where follows selectFacts. Facts of the same series share their labels.
func (r *Reader) facts(ctx context.Context, where string, args []any, add func(dora.Fact) error) error {
	labels := map[int64]dora.Labels{}
	return r.query(ctx, selectFacts+where, args, func(rows Rows) error {
		f, err := scanFact(r.path, rows, labels)
		if err != nil {
			return err
		}
		return add(f)
	})
}

// Facts returns at most limit facts after a position, in their order. A fact that does not match its checksum and a missing
// position are a *CorruptError, one that was removed a *dora.RemovedError.
func (r *Reader) Facts(ctx context.Context, after int64, limit int) ([]dora.Fact, error) {
	var facts []dora.Fact
	var missing int64
	err := r.facts(ctx, "WHERE facts.position > ? ORDER BY facts.position LIMIT ?", []any{after, limit}, func(f dora.Fact) error {
		if expected := after + int64(len(facts)) + 1; f.Position != expected {
			missing = expected
			return missingFact(r.path, expected)
		}
		facts = append(facts, f)
		return nil
	})
	if missing > 0 {
		err = r.removedOr(ctx, missing, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read the facts after position %d: %w", after, err)
	}
	return facts, nil
}

func missingFact(path string, position int64) error {
	return &CorruptError{Path: path, What: fmt.Sprintf("fact %d is missing", position)}
}

// removedOr returns a *dora.RemovedError if a fact that is missing was removed, else the error.
func (r *Reader) removedOr(ctx context.Context, missing int64, err error) error {
	removal, readErr := r.Removal(ctx)
	if readErr != nil || removal.Position < missing {
		return errors.Join(err, readErr)
	}
	return &dora.RemovedError{Position: removal.Position}
}

// LastPosition returns the position of the newest fact, 0 if there is none.
func (r *Reader) LastPosition(ctx context.Context) (int64, error) {
	var last int64
	if err := r.queryRow(ctx, "SELECT coalesce(max(position), 0) FROM facts", &last); err != nil {
		return 0, fmt.Errorf("read the last position: %w", err)
	}
	return last, nil
}

// Empty reports whether there are no facts.
func (r *Reader) Empty(ctx context.Context) (bool, error) {
	last, err := r.LastPosition(ctx)
	return last == 0, err
}

// Add stores a fact at the next position; false if a fact with its family and subject exists.
func (t factTx) Add(f dora.Fact) (bool, error) {
	added, err := t.add(f)
	if err != nil {
		return false, fmt.Errorf("add a fact about %s: %w", f.Subject, err)
	}
	return added, nil
}

func (t factTx) add(f dora.Fact) (bool, error) {
	labels, err := labelsText(f.Labels)
	if err != nil {
		return false, err
	}
	if !t.lastPositionRead {
		if _, err := t.queryRow("SELECT coalesce(max(position), 0) FROM facts", nil, &t.lastPosition); err != nil {
			return false, err
		}
		t.lastPositionRead = true
	}
	fact := factKey{f.Family, f.Subject}
	if _, known := t.known.get(fact); known {
		return false, nil
	}
	if removed, err := t.wasRemoved(f.Family, f.Subject); err != nil || removed {
		return false, err
	}
	f.Position = t.lastPosition + 1
	family, err := t.text(f.Family)
	if err != nil {
		return false, err
	}
	key := seriesKey{family, labels}
	series, err := t.findSeries(key)
	if err == nil && series == 0 {
		if known, err := t.Has(f.Family, f.Subject); err != nil || known { // no series begins without a fact
			return false, err
		}
		series, err = t.beginSeries(key, f.Position, t.writer.engine.Now())
		t.begun = f.Position
	}
	if err != nil {
		return false, err
	}
	begin, rest := cutStem(f.Subject)
	stem, err := t.text(begin)
	if err != nil {
		return false, err
	}
	stored, err := t.hasFact(stem, rest, family)
	if err != nil {
		return false, err
	}
	t.addKnown(fact)
	if stored {
		return false, nil
	}
	if err := t.beforeWrite(); err != nil {
		return false, err
	}
	t.unsentFacts = append(t.unsentFacts, f.Position, series, stem, rest, family, f.Value, f.At.UnixMilli(), f.ID, factSum(f, labels))
	t.changed = true
	t.addKnownFact(stem, rest, family)
	t.lastPosition = f.Position
	f.At = fromMillis(f.At.UnixMilli())
	t.facts = append(t.facts, f)
	return true, nil
}

var insertFacts = newRowInsert("INSERT INTO facts (position, series, stem, rest, family, value, at, id, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")

// sendFacts executes the inserts of unsentFacts.
func (t *tx) sendFacts() error {
	values := t.unsentFacts
	t.unsentFacts = nil
	return t.insertRows(&insertFacts, values)
}

// sendFactsBefore executes the inserts of unsentFacts before a statement that may read or change facts.
func (t *tx) sendFactsBefore(statement string) error {
	if len(t.unsentFacts) == 0 || !strings.Contains(statement, "facts") {
		return nil
	}
	return t.sendFacts()
}

// Has reports whether a fact with a family and subject exists.
func (t factTx) Has(family, subject string) (bool, error) {
	key := factKey{family, subject}
	if _, known := t.known.get(key); known {
		return true, nil
	}
	stem, rest := cutStem(subject)
	familyID, err := t.findText(family)
	if err != nil || familyID == 0 {
		return false, err
	}
	stemID, err := t.findText(stem)
	if err != nil || stemID == 0 {
		return false, err
	}
	known, err := t.hasFact(stemID, rest, familyID)
	if err != nil {
		return false, fmt.Errorf("look for a fact about %s: %w", subject, err)
	}
	if !known {
		return t.wasRemoved(family, subject)
	}
	t.addKnown(key)
	return true, nil
}

// factKey identifies a fact.
type factKey struct{ family, subject string }

// addKnown caches that a fact is there, unless its subject may change (repositoryTx.Merge).
func (t *tx) addKnown(key factKey) {
	if kind, _, _ := dora.CutSubject(key.subject); kind != dora.SubjectChange {
		t.known.add(key, 0)
	}
}

// scanFact reads a fact and checks its checksum. labels has those of series that were read before.
func scanFact(path string, rows Rows, labels map[int64]dora.Labels) (f dora.Fact, err error) {
	var series, at, sum int64
	var text string
	if err := rows.Scan(&f.Position, &series, &f.Family, &f.Subject, &text, &f.Value, &at, &f.ID, &sum); err != nil {
		return f, err
	}
	f.At = fromMillis(at)
	if sum != factSum(f, text) {
		return f, &CorruptError{Path: path, What: fmt.Sprintf("fact %d does not match its checksum", f.Position)}
	}
	var known bool
	if f.Labels, known = labels[series]; known {
		return f, nil
	}
	if f.Labels, err = parseLabels(text); err != nil {
		return f, &CorruptError{Path: path, What: fmt.Sprintf("fact %d has no readable labels", f.Position), Err: err}
	}
	labels[series] = f.Labels
	return f, nil
}

// factSum returns the checksum of a fact.
func factSum(f dora.Fact, labels string) int64 {
	s := make(summed, 0, 512)
	return s.number(f.Position).number(f.Value).number(f.At.UnixMilli()).number(f.ID).text(f.Family).text(f.Subject).text(labels).sum()
}
