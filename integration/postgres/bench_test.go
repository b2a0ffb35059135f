package postgres

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dora-exporter/integration/pgserver"
)

// BenchmarkAccept compares how many deliveries are stored with what pgbench stores on the same server: the same rows, as many in a
// transaction as there are senders. The ratio is that of the two.
func BenchmarkAccept(b *testing.B) {
	for _, senders := range []int{1, 32} {
		b.Run(fmt.Sprint("senders=", senders), func(b *testing.B) {
			server := pgserver.Start(b)
			p := newPlace(server)
			s := p.open(b)
			const d = 5 * time.Second
			for b.Loop() {
				ctx, cancel := context.WithTimeout(b.Context(), d)
				var stored atomic.Int64
				var sending sync.WaitGroup
				for w := range senders {
					sending.Go(func() {
						for i := 0; ctx.Err() == nil; i++ {
							if _, err := s.Accept(ctx, delivery(fmt.Sprintf("api.github.com/status/%d%06d%06d", b.N, w, i))); err == nil {
								stored.Add(1)
							}
						}
					})
				}
				sending.Wait()
				cancel()
				ours := float64(stored.Load()) / d.Seconds()
				theirs := pgbench(b, server, p, senders, d)
				b.ReportMetric(ours, "deliveries/s")
				b.ReportMetric(theirs, "pgbench/s")
				b.ReportMetric(ours/theirs, "ratio")
			}
		})
	}
}

// pgbench returns how many rows it inserts in a second, in transactions of so many.
func pgbench(b *testing.B, server *pgserver.Server, p place, rows int, d time.Duration) float64 {
	b.Helper()
	script := "BEGIN;\n"
	for i := range rows {
		script += fmt.Sprintf("\\set id%d random(1, 1000000000000)\n", i) +
			fmt.Sprintf("INSERT INTO %s.deliveries (source, stem, rest, about, event, received, due, checksum) SELECT source, stem, convert_to(:id%d::text, 'UTF8'), about, event, "+
				"received, 0, checksum FROM %s.sample ON CONFLICT (stem, rest) DO NOTHING;\n", p.schema, i, p.schema)
	}
	file := filepath.Join(b.TempDir(), "script")
	if err := os.WriteFile(file, []byte(script+"COMMIT;\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	server.Psql("postgres", fmt.Sprintf("DROP TABLE IF EXISTS %[1]s.sample; CREATE TABLE %[1]s.sample AS SELECT * FROM %[1]s.deliveries LIMIT 1", p.schema))
	out, err := exec.CommandContext(b.Context(), pgserver.Program("pgbench"), "-n", "-M", "prepared", "-T", strconv.Itoa(int(d.Seconds())), "-f", file, server.URL("postgres", "postgres")).CombinedOutput()
	if err != nil {
		b.Fatalf("pgbench: %v\n%s", err, out)
	}
	tps := regexp.MustCompile(`tps = ([0-9.]+)`).FindSubmatch(out)
	if tps == nil {
		b.Fatalf("pgbench says:\n%s", out)
	}
	n, err := strconv.ParseFloat(string(tps[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return n * float64(rows)
}
