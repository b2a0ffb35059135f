package integration

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dora-exporter/integration/pgserver"
)

// BenchmarkReplicas measures how many webhooks replicas accept in a second, and how many go the whole way to the counters, compared with what
// pgbench stores on the same server: the same rows, as many in a transaction as there are senders. The ratio is that of accepted webhooks to
// pgbench's rows.
func BenchmarkReplicas(b *testing.B) {
	for _, c := range []struct{ replicas, senders int }{{1, 1}, {1, 32}, {3, 32}} {
		b.Run(fmt.Sprintf("replicas=%d/senders=%d", c.replicas, c.senders), func(b *testing.B) {
			server := pgserver.Start(b)
			r := newReplicas(b, c.replicas, func(int) string { return server.URL("postgres", "postgres") }, "")
			for _, e := range r.all { // without look-ups and evaluations
				e.setConfig(b, strings.NewReplacer(r.github.URL, "http://127.0.0.1:1/", "settle: 1s", "settle: 1h").Replace(e.config(b)))
			}
			r.start(b)
			l := &ledger{}
			const d = 5 * time.Second
			for b.Loop() {
				began := time.Now()
				accepted := l.sendFor(r.all, c.senders, d)
				for counted, sent := 0, 1; counted < sent; time.Sleep(100 * time.Millisecond) {
					counted, _ = r.all[0].counted() // an error is that of a busy machine
					sent = l.sent
				}
				counted := float64(accepted) / time.Since(began).Seconds()
				stored := server.InsertRate(b, "dora_exporter", c.senders, d)
				b.ReportMetric(float64(accepted)/d.Seconds(), "accepted/s")
				b.ReportMetric(counted, "counted/s")
				b.ReportMetric(stored, "pgbench/s")
				b.ReportMetric(float64(accepted)/d.Seconds()/stored, "ratio")
			}
		})
	}
}

// sendFor sends new statuses for some time, and returns how many were accepted.
func (l *ledger) sendFor(all []*exporter, senders int, d time.Duration) int64 {
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: senders}}
	defer c.CloseIdleConnections()
	var accepted atomic.Int64
	var sending sync.WaitGroup
	end := time.Now().Add(d)
	for sender := range senders {
		sending.Go(func() {
			for time.Now().Before(end) {
				l.mu.Lock()
				l.sent++
				id := l.sent
				l.mu.Unlock()
				for !accepts(c, all[sender%len(all)].request("deployment_status", status(id, 1+id/50, "success"))) {
					time.Sleep(10 * time.Millisecond)
				}
				accepted.Add(1)
			}
		})
	}
	sending.Wait()
	return accepted.Load()
}
