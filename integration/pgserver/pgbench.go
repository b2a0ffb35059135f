package pgserver

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"
)

// comparisons is how often CompareInserts compares.
const comparisons = 7

// CompareInserts reports how many deliveries a store and pgbench store in a second on the same server, in the unit of the store and in pgbench/s,
// and the ratio of the two. They take turns of a second, since the disk may be faster in one than in the next; these are medians, and
// the least and the largest ratio. store stores for a time, with so many senders, and returns its rate.
func (s *Server) CompareInserts(b *testing.B, schema string, senders int, unit string, store func(time.Duration) float64) {
	b.Helper()
	var stored, inserted, ratios []float64
	for range comparisons {
		ours := store(time.Second)
		theirs := s.insertRate(b, schema, senders, time.Second)
		stored, inserted, ratios = append(stored, ours), append(inserted, theirs), append(ratios, ours/theirs)
	}
	for _, values := range [][]float64{stored, inserted, ratios} {
		slices.Sort(values)
	}
	b.ReportMetric(stored[comparisons/2], unit)
	b.ReportMetric(inserted[comparisons/2], "pgbench/s")
	b.ReportMetric(ratios[comparisons/2], "ratio")
	b.ReportMetric(ratios[0], "ratio-min")
	b.ReportMetric(ratios[comparisons-1], "ratio-max")
}

// insertRate returns how many deliveries pgbench stores in a second, so many in a transaction. They are copies of one that is stored in a schema,
// with other keys, in a table like that of the deliveries.
func (s *Server) insertRate(tb testing.TB, schema string, rows int, d time.Duration) float64 {
	tb.Helper()
	s.Psql("postgres", fmt.Sprintf("DROP TABLE IF EXISTS sample, copies; CREATE TABLE sample AS SELECT * FROM %[1]s.deliveries LIMIT 1; "+
		"CREATE TABLE copies (LIKE %[1]s.deliveries INCLUDING ALL)", schema))
	script := "BEGIN;\n"
	for i := range rows {
		script += fmt.Sprintf("\\set id%d random(1, 1000000000000)\n", i) +
			fmt.Sprintf("INSERT INTO copies (source, stem, rest, about, event, received, due, checksum) SELECT source, stem, convert_to(:id%d::text, 'UTF8'), about, event, "+
				"received, 0, checksum FROM sample ON CONFLICT (stem, rest) DO NOTHING;\n", i)
	}
	file := filepath.Join(tb.TempDir(), "script")
	if err := os.WriteFile(file, []byte(script+"COMMIT;\n"), 0o600); err != nil {
		tb.Fatal(err)
	}
	out, err := exec.CommandContext(tb.Context(), Program("pgbench"), "-n", "-M", "prepared", "-T", strconv.Itoa(int(d.Seconds())), "-f", file,
		s.URL("postgres", "postgres")).CombinedOutput()
	if err != nil {
		tb.Fatalf("pgbench: %v\n%s", err, out)
	}
	tps := regexp.MustCompile(`tps = ([0-9.]+)`).FindSubmatch(out)
	if tps == nil {
		tb.Fatalf("pgbench says:\n%s", out)
	}
	n, err := strconv.ParseFloat(string(tps[1]), 64)
	if err != nil {
		tb.Fatal(err)
	}
	return n * float64(rows)
}
