package postgres

import (
	"context"
	"fmt"
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
				theirs := server.InsertRate(b, p.schema, senders, d)
				b.ReportMetric(ours, "deliveries/s")
				b.ReportMetric(theirs, "pgbench/s")
				b.ReportMetric(ours/theirs, "ratio")
			}
		})
	}
}
