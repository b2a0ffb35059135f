package story

import (
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/persistence/sqlstore"
	"dora-exporter/persistence/teststore"
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
	e.reader(func(r *sqlstore.Reader) error {
		facts, err := r.Facts(e.Context(), 0, 1_000_000)
		if err != nil {
			return err
		}
		if last := len(facts); last > 0 && facts[last-1].Position != int64(last) {
			e.Errorf("%d facts, and the last one's position is %d", last, facts[last-1].Position)
		}
		e.compareFacts(want, facts)
		return nil
	})
	for _, table := range []string{"lookups", "waiting_statuses", "deliveries WHERE state = 0", "deliveries WHERE state = 2"} {
		if n := teststore.Count(e.T, e.database(), table); n > 0 {
			e.Errorf("%d rows in %s", n, table)
		}
	}
}

// compareFacts compares the sums of the facts of github_* and jira_* with the truth.
func (e *exporter) compareFacts(want numbers, facts []dora.Fact) {
	e.Helper()
	sums := map[string]int64{}
	for _, f := range facts {
		if f.Family != dora.DeploymentsDuration && !strings.HasPrefix(f.Family, "dora_") {
			sums[fmt.Sprint(f.Family, "{", f.Labels.Key(), "}")] += f.Value
		}
	}
	got := numbers{}
	for key, sum := range sums {
		switch family, _, _ := cutSeries(key); {
		case sum == 0:
		case strings.HasSuffix(family, "duration_sum"):
			got[normal(key)] = float64(sum) / 1000
		default:
			got[normal(key)] = float64(sum)
		}
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
