package pgserver

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// InsertRate returns how many deliveries pgbench stores in a second, so many in a transaction. They are copies of one that is stored in a schema,
// with other keys, in a table like that of the deliveries.
func (s *Server) InsertRate(tb testing.TB, schema string, rows int, d time.Duration) float64 {
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
