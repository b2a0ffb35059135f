package postgres

import (
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
			for b.Loop() {
				var n atomic.Int64 // numbers the deliveries
				server.CompareInserts(b, p.schema, senders, "deliveries/s", func(d time.Duration) float64 {
					before, began := n.Load(), time.Now()
					var sending sync.WaitGroup
					for range senders {
						sending.Go(func() {
							for time.Since(began) < d {
								if _, err := s.Accept(b.Context(), delivery(fmt.Sprintf("api.github.com/status/%d/%09d", b.N, n.Add(1)))); err != nil {
									b.Error(err)
								}
							}
						})
					}
					sending.Wait()
					return float64(n.Load()-before) / time.Since(began).Seconds()
				})
			}
		})
	}
}
