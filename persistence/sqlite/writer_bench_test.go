package sqlite

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dora-exporter/dora"
)

// BenchmarkAccept is what a webhook waits for: one durable delivery, with so many senders at the same time.
func BenchmarkAccept(b *testing.B) {
	for _, senders := range []int{1, 32} {
		b.Run(fmt.Sprintf("senders=%d", senders), func(b *testing.B) {
			s := reopenStore(b, filepath.Join(b.TempDir(), "dora-exporter.db"))
			var n atomic.Int64
			var wait sync.WaitGroup
			b.ResetTimer()
			for range senders {
				wait.Go(func() {
					for {
						i := n.Add(1)
						if i > int64(b.N) {
							return
						}
						if _, err := s.Accept(b.Context(), delivery(fmt.Sprintf("github:api.github.com/deployment_status/%d", i))); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wait.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
		})
	}
}

// BenchmarkUpdate is what the processor does with a status: seven facts of which six are known, one delivery finished.
func BenchmarkUpdate(b *testing.B) {
	s := reopenStore(b, filepath.Join(b.TempDir(), "dora-exporter.db"))
	const batch = 256
	for done := 0; done < b.N; done += batch {
		err := s.Update(b.Context(), func(tx dora.Tx) error {
			for i := done; i < min(done+batch, b.N); i++ {
				labels := dora.Labels{"environment": "production", "repo": fmt.Sprintf("repo-%d", i%100), "status": "success", "team": "a"}
				for zero := range 6 {
					if _, err := tx.Facts().Add(dora.Fact{Family: fmt.Sprint(zero), Labels: labels, Subject: "zero:" + labels.Key()}); err != nil {
						return err
					}
				}
				_, err := tx.Facts().Add(dora.Fact{Family: dora.DeploymentsTotal, Labels: labels, Value: 1, At: time.Unix(int64(i), 0), ID: int64(i), Subject: fmt.Sprint("deployment_status:", i)})
				if err != nil {
					return err
				}
				if err := tx.Commits().SaveOrigin(fmt.Sprint(i%1000), dora.Origin{}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "statuses/s")
}
