package postgres

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/integration/pgserver"
	"dora-exporter/story/shop"
)

// BenchmarkDeployments measures how many deployments of one scope are processed and evaluated in a second, and what that takes for each: round
// trips, bytes on the wire, and the processor's time in the exporter.
func BenchmarkDeployments(b *testing.B) {
	server := pgserver.Start(b)
	wire := pgserver.NewMeter(b, server)
	b.Setenv("TEST_POSTGRES", wire.URL())
	const n = 200
	for b.Loop() {
		s := shop.New(b)
		for i := range n {
			at := shop.Minute(i)
			d := dora.Deployment{Host: "api.github.com", ID: int64(i + 1), Owner: "acme", Repository: "web", Environment: "production", SHA: fmt.Sprintf("%040x", i+1), CreatedAt: at}
			status := dora.Status{ID: int64(i + 1), State: "success", CreatedAt: at.Add(time.Minute), Deployment: d}
			s.Deliver(dora.Event{Deployment: &d}, dora.Event{Status: &status})
		}
		began, used := time.Now(), cpuTime(b)
		wire.Traffic()
		s.Process()
		b.ReportMetric(n/time.Since(began).Seconds(), "deployments/s")
		b.ReportMetric(float64((cpuTime(b)-used).Microseconds())/n, "cpu-µs/deployment")
		passed := wire.Traffic()
		b.ReportMetric(float64(passed.RoundTrips)/n, "roundtrips/deployment")
		b.ReportMetric(float64(passed.Statements)/n, "statements/deployment")
		b.ReportMetric(float64(passed.Bytes)/n, "bytes/deployment")
	}
}

// cpuTime returns the processor's time that this process has used.
func cpuTime(tb testing.TB) time.Duration {
	tb.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
