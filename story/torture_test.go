package story

import (
	"database/sql"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// torture is set by `make torture`.
var torture = flag.Bool("torture", false, "run the long forms of the tests, some of them for minutes")

// scaled is how often to do something: few times in each test run, often in `make torture`.
func scaled(short, long int) int {
	if *torture {
		return long
	}
	return short
}

// newRandom is a source of random numbers whose seed is in the test's log.
func newRandom(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// stores checks what is in the database of an exporter that has ended: the facts add up to the truth, positions have no
// gaps, and nothing is left to be done.
func (e *exporter) stores(want numbers) {
	e.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(e.folder, "dora-exporter.db")+"?mode=ro")
	if err != nil {
		e.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	one := func(query string) (n int) {
		if err := db.QueryRow(query).Scan(&n); err != nil {
			e.Fatalf("%s: %v", query, err)
		}
		return n
	}
	if facts, last := one("SELECT count(*) FROM facts"), one("SELECT coalesce(max(position), 0) FROM facts"); facts != last {
		e.Errorf("%d facts, and the last one's position is %d", facts, last)
	}
	for _, table := range []string{"lookups", "waiting_statuses", "deliveries WHERE state = 0", "deliveries WHERE state = 2"} {
		if n := one("SELECT count(*) FROM " + table); n > 0 {
			e.Errorf("%d rows in %s", n, table)
		}
	}
	rows, err := db.Query(`SELECT text || '{' || labels || '}', sum(value), text LIKE '%duration_sum'
		FROM facts JOIN series ON series.id = series JOIN texts ON texts.id = series.family
		WHERE text <> 'github_deployments_duration' AND text NOT LIKE 'dora_%' GROUP BY series HAVING sum(value) <> 0`)
	if err != nil {
		e.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	got := numbers{}
	for rows.Next() {
		var key string
		var sum int64
		var milliseconds bool
		if err := rows.Scan(&key, &sum, &milliseconds); err != nil {
			e.Fatal(err)
		}
		got[normal(key)] = float64(sum)
		if milliseconds {
			got[normal(key)] = float64(sum) / 1000
		}
	}
	if err := rows.Err(); err != nil {
		e.Fatal(err)
	}
	expected := numbers{}
	for series, value := range want.nonZero() {
		if family, _, _ := cutSeries(series); family != "github_deployments_duration" {
			expected[normal(series)] = math.Round(value*1000) / 1000
		}
	}
	if diff := cmp.Diff(expected, got); diff != "" {
		e.Errorf("the store's facts: -want +got:\n%s", diff)
	}
}

// normal writes a series from the text format, or from the store with its labels in JSON, in one way.
func normal(series string) string {
	family, labels, _ := cutSeries(series)
	return fmt.Sprint(family, slices.Sorted(maps.Keys(labels)))
}

// cutSeries takes a series apart: its family, and its labels as texts name="value", which are in the text format and, but
// for the sign between the two, in the store's JSON.
func cutSeries(series string) (family string, labels map[string]bool, ok bool) {
	family, rest, ok := strings.Cut(series, "{")
	labels = map[string]bool{}
	for _, m := range labelPattern.FindAllStringSubmatch(rest, -1) {
		labels[m[1]+"="+m[2]] = true
	}
	return family, labels, ok
}

var labelPattern = regexp.MustCompile(`"?(\w+)"?[=:]("(?:[^"\\]|\\.)*")`)
