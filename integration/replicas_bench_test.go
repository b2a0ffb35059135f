package integration

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"dora-exporter/integration/pgserver"
)

// benchDeployments is how many deployments a measurement of the whole way has, after those of a warm-up.
const (
	benchDeployments = 3000
	benchWarmup      = 600
)

// BenchmarkReplicas measures the whole way of deployments with one and with three replicas, which take turns in each round: 32 senders send the
// webhooks, a stand-in for GitHub is asked about the commits, the deployments are evaluated, and all replicas show all of it. A metric ends with
// the number of replicas; a ratio is that of three replicas to one. With several rounds they are medians.
func BenchmarkReplicas(b *testing.B) {
	var oneReplica, threeReplicas []wholeWay
	for b.Loop() {
		oneReplica, threeReplicas = append(oneReplica, measureReplicas(b, 1)), append(threeReplicas, measureReplicas(b, 3))
	}
	for _, m := range []struct {
		unit string
		of   func(wholeWay) float64
	}{
		{"accepted/s", func(w wholeWay) float64 { return w.accepted }},
		{"evaluated/s", func(w wholeWay) float64 { return w.evaluated }},
		{"replicas-ms/deployment", func(w wholeWay) float64 { return w.replicas }},
		{"postgres-ms/deployment", func(w wholeWay) float64 { return w.server }},
		{"commits/deployment", func(w wholeWay) float64 { return w.commits }},
		{"wal-bytes/deployment", func(w wholeWay) float64 { return w.wal }},
	} {
		var ratios []float64
		for round := range oneReplica {
			ratios = append(ratios, m.of(threeReplicas[round])/m.of(oneReplica[round]))
		}
		b.ReportMetric(medianOf(oneReplica, m.of), m.unit+"-1")
		b.ReportMetric(medianOf(threeReplicas, m.of), m.unit+"-3")
		b.ReportMetric(medianOf(ratios, func(r float64) float64 { return r }), m.unit+"-ratio")
	}
}

// measureReplicas measures the whole way with an empty database of their own.
func measureReplicas(b *testing.B, replicas int) wholeWay {
	b.Helper()
	r := newMeasured(b, replicas, databaseOf)
	defer r.stop()
	r.startWarm(b)
	return r.measure(b)
}

// BenchmarkReplicasTraffic measures what the whole way of a deployment sends between the replicas and PostgreSQL.
func BenchmarkReplicasTraffic(b *testing.B) {
	for _, replicas := range []int{1, 3} {
		b.Run(fmt.Sprint("replicas=", replicas), func(b *testing.B) {
			var meter *pgserver.Meter
			r := newMeasured(b, replicas, func(server *pgserver.Server) string {
				meter = pgserver.NewMeter(b, server)
				return meter.URL()
			})
			r.startWarm(b)
			var passed pgserver.Traffic
			for b.Loop() {
				meter.Traffic() // from now on
				r.measure(b)
				passed = meter.Traffic()
			}
			b.ReportMetric(float64(passed.RoundTrips)/benchDeployments, "roundtrips/deployment")
			b.ReportMetric(float64(passed.Statements)/benchDeployments, "statements/deployment")
			b.ReportMetric(float64(passed.Bytes)/benchDeployments, "bytes/deployment")
		})
	}
}

// BenchmarkReplicasAccept measures how many webhooks replicas accept in a second while nothing is looked up or evaluated, compared with what pgbench
// stores on the same server: the same rows, as many in a transaction as there are senders. The ratio is that of accepted webhooks to pgbench's
// rows.
func BenchmarkReplicasAccept(b *testing.B) {
	for _, c := range []struct{ replicas, senders int }{{1, 1}, {1, 32}, {3, 32}} {
		b.Run(fmt.Sprintf("replicas=%d/senders=%d", c.replicas, c.senders), func(b *testing.B) {
			r := newMeasured(b, c.replicas, databaseOf)
			r.withoutWork(b)
			r.start(b)
			for b.Loop() {
				r.server.CompareInserts(b, "dora_exporter", c.senders, "accepted/s", func(d time.Duration) float64 {
					ctx, cancel := context.WithTimeout(b.Context(), d)
					defer cancel()
					accepted := r.send(ctx, b, c.senders, math.MaxInt)
					r.waitUntil(b, "github_deployments_total", float64(2*r.sender.Sent())) // so that pgbench has the machine to itself
					return accepted
				})
			}
		})
	}
}

func databaseOf(server *pgserver.Server) string { return server.URL("postgres", "postgres") }

func medianOf[T any](all []T, of func(T) float64) float64 {
	values := make([]float64, len(all))
	for i := range all {
		values[i] = of(all[i])
	}
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}
