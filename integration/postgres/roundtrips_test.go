package postgres

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/integration/pgserver"
	"dora-exporter/story/shop"
)

// BenchmarkDeployments measures how many deployments of one scope are processed and evaluated in a second, and how many statements that takes for
// each: all but those of a BEGIN are round trips.
func BenchmarkDeployments(b *testing.B) {
	server := pgserver.Start(b, "shared_preload_libraries=pg_stat_statements")
	server.Psql("postgres", "CREATE EXTENSION pg_stat_statements")
	b.Setenv("TEST_POSTGRES", server.URL("postgres", "postgres"))
	const n = 200
	for b.Loop() {
		s := shop.New(b)
		for i := range n {
			at := shop.Minute(i)
			d := dora.Deployment{Host: "api.github.com", ID: int64(i + 1), Owner: "acme", Repository: "web", Environment: "production", SHA: fmt.Sprintf("%040x", i+1), CreatedAt: at}
			status := dora.Status{ID: int64(i + 1), State: "success", CreatedAt: at.Add(time.Minute), Deployment: d}
			s.Deliver(dora.Event{Deployment: &d}, dora.Event{Status: &status})
		}
		server.Psql("postgres", "SELECT pg_stat_statements_reset()")
		began := time.Now()
		s.Process()
		b.ReportMetric(n/time.Since(began).Seconds(), "deployments/s")
		statements, err := strconv.Atoi(server.Psql("postgres", "SELECT sum(calls) FROM pg_stat_statements"))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(statements)/n, "statements/deployment")
	}
}
