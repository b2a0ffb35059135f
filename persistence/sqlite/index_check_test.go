package sqlite

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"dora-exporter/persistence/sqlstore"
)

// partial changes the definition of an index, as later connections see it, so that it has no rows but those of a condition.
func partial(name, condition string) string {
	return fmt.Sprintf("PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = sql || ' WHERE %s' WHERE name = '%s'", condition, name)
}

// whole undoes partial.
func whole(name string) string {
	return fmt.Sprintf("PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = substr(sql, 1, instr(sql, ' WHERE ') - 1) WHERE name = '%s'", name)
}

// Indexes that don't have the rows of their tables are found, whatever part of the table that concerns.
func TestCheckIndexes(t *testing.T) {
	const rows = 2*checkedRows + 500
	insert := "INSERT INTO successes SELECT * FROM copy; DROP TABLE copy"
	remove := func(n int) string {
		return fmt.Sprintf("CREATE TABLE copy AS SELECT * FROM successes WHERE sha = 'n%d'; DELETE FROM successes WHERE sha = 'n%d'", n, n)
	}
	removeFact := "CREATE TABLE copy AS SELECT * FROM facts WHERE position = 2; DELETE FROM facts WHERE position = 2"
	for name, test := range map[string]struct {
		damage []string
		want   string
	}{
		"none":            {nil, ""},
		"an entry lacks":  {[]string{remove(10), partial("successes_sha", "scope < 0"), insert, whole("successes_sha")}, "wrong # of entries in index successes_sha"},
		"one is too many": {[]string{partial("successes_sha", "scope < 0"), "DELETE FROM successes WHERE sha = 'n10400'", whole("successes_sha")}, "wrong # of entries in index successes_sha"},
		"another one in the last part": {
			[]string{partial("successes_sha", "scope < 0"), "UPDATE successes SET sha = 'other' WHERE sha = 'n10400'", whole("successes_sha")}, "successes_sha lacks 1 rows",
		},
		"a fact's entry lacks": {
			[]string{removeFact, partial("facts_series", "position < 0"), "INSERT INTO facts SELECT * FROM copy; DROP TABLE copy", whole("facts_series")},
			"wrong # of entries in index facts_series",
		},
		"a fact's entry differs": {
			[]string{partial("facts_series", "position < 0"), "UPDATE facts SET series = 99 WHERE position = 2", whole("facts_series")}, "facts_series lacks 1 rows",
		},
		"a subject twice": {
			[]string{
				"PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = replace(sql, 'UNIQUE ', '') WHERE name = 'facts_subject'",
				"INSERT INTO facts SELECT 4, series, stem, rest, family, value, at, id, checksum FROM facts WHERE position = 2",
				"PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = replace(sql, 'INDEX', 'UNIQUE INDEX') WHERE name = 'facts_subject'",
			},
			"facts_subject lacks 1 rows, or has them more than once",
		},
		"a partial index has no entry": {
			[]string{
				"CREATE TABLE copy AS SELECT * FROM deliveries; DELETE FROM deliveries",
				"PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = replace(sql, 'state = 0', 'state = 9') WHERE name = 'deliveries_due'",
				"INSERT INTO deliveries SELECT * FROM copy; DROP TABLE copy",
				"PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = replace(sql, 'state = 9', 'state = 0') WHERE name = 'deliveries_due'",
			},
			"deliveries_due has 0 entries for 1 rows",
		},
		"an entry of few rows differs": {
			[]string{"DELETE FROM successes WHERE sha > 'n2'", partial("successes_sha", "scope < 0"), "UPDATE successes SET sha = 'other' WHERE sha = 'n1'", whole("successes_sha")},
			"successes_sha lacks 1 rows",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t)
			addFact(t, s, "a", "b", "c")
			accept(t, s, "a")
			tamper(t, s.path, fmt.Sprintf(`WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < %d)
				INSERT INTO successes (deployment, at, number, scope, sha, team, production) SELECT n AS deployment, n AS at, n AS number, 1, 'n' || n, '', 0 FROM numbers`, rows-1))
			for _, statement := range test.damage {
				tamper(t, s.path, statement)
			}
			r, err := newReader(s.path)
			if err != nil {
				t.Fatal(err)
			}
			err = errors.Join(r.checkAll(t.Context(), 0), r.Close())
			var corrupt *CorruptError
			if test.want == "" && err != nil || test.want != "" && (!errors.As(err, &corrupt) || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

// What a person has added is left alone, however it is written.
func TestAddedIndexesAreLeftAlone(t *testing.T) {
	s := openStore(t)
	accept(t, s, "a")
	tamper(
		t, s.path,
		"create index mine on deliveries (received) where state = 1", "create index other on deliveries (lower(source))",
		`create index "with space" on facts (value)`, "create table notes (text)", "create index notes_text on notes (text)",
	)
	r, err := newReader(s.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.checkAll(t.Context(), 0), r.Close()); err != nil {
		t.Error(err)
	}
}

// The rows that are compared with an index don't come from an index.
func TestIndexesAreComparedWithRows(t *testing.T) {
	s := openStore(t)
	r, err := newReader(s.path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	schema, err := migratedSchema(len(sqlstore.Migrations))
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, table := range tablesOf(schema) {
		indexes, err := r.indexes(t.Context(), table, schema)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range indexes {
			bound := make([]any, len(x.key))
			queries := []string{}
			for _, bounds := range [][2][]any{{nil, nil}, {bound, nil}, {nil, bound}, {bound, bound}} {
				query, _ := x.missing(bounds[0], bounds[1])
				queries = append(queries, query)
			}
			if x.where != "" {
				queries = append(queries, x.count(x.rows))
			}
			for _, query := range queries {
				plan, err := planOf(t.Context(), s, query)
				if err != nil {
					t.Fatalf("%s: %v", query, err)
				}
				if first := plan[0]; !strings.HasPrefix(first, "SCAN") && !strings.HasPrefix(first, "SEARCH") || strings.Contains(first, " INDEX ") && !strings.Contains(first, " INDEX sqlite_autoindex_") {
					t.Errorf("%s\nreads the rows by: %s", query, first)
				}
				checked++
			}
		}
	}
	if checked < 50 {
		t.Errorf("%d queries were checked", checked)
	}
}
