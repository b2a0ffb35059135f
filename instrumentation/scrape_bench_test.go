package instrumentation

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"dora-exporter/dora"
)

// What a scrape of 20,000 series costs: those of client_golang alone, ours with nothing new since the last scrape, and ours
// with a new fact.
func BenchmarkScrape(b *testing.B) {
	const series = 20_000
	labels := func(n int) dora.Labels {
		return dora.Labels{"environment": fmt.Sprintf("env-%d", n), "repo": "web", "status": "success", "team": "Platform"}
	}
	b.Run("client_golang", func(b *testing.B) {
		registry := prometheus.NewRegistry()
		counters := prometheus.NewCounterVec(prometheus.CounterOpts{Name: dora.DeploymentsTotal, Help: "The amount."}, []string{"environment", "repo", "status", "team"})
		registry.MustRegister(counters)
		for n := range series {
			counters.With(prometheus.Labels(labels(n))).Inc()
		}
		scrapes(b, promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), func() {})
	})
	i, err := New(testOptions())
	if err != nil {
		b.Fatal(err)
	}
	i.Restore(dora.State{})
	add := func(n int) {
		if err := i.Record([]dora.Fact{{Family: dora.DeploymentsTotal, Labels: labels(n), Value: 1, At: time.Unix(100, 0)}}); err != nil {
			b.Fatal(err)
		}
	}
	for n := range series {
		add(n)
	}
	handler, err := i.Handler()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("nothing new", func(b *testing.B) { scrapes(b, handler, func() {}) })
	b.Run("a new fact", func(b *testing.B) { scrapes(b, handler, func() { add(7) }) })
}

func scrapes(b *testing.B, handler http.Handler, before func()) {
	b.ReportAllocs()
	request := httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody)
	scrape := func() {
		w := &discarded{header: http.Header{}}
		handler.ServeHTTP(w, request)
		if w.n < 20_000*50 {
			b.Fatalf("%d bytes", w.n)
		}
	}
	scrape() // the first one gathers all series
	for b.Loop() {
		before()
		scrape()
	}
}

// discarded counts what is written.
type discarded struct {
	header http.Header
	n      int
}

func (d *discarded) Header() http.Header { return d.header }
func (d *discarded) WriteHeader(int)     {}
func (d *discarded) Write(p []byte) (int, error) {
	d.n += len(p)
	return io.Discard.Write(p)
}
