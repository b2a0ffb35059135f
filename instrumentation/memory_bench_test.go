package instrumentation

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"dora-exporter/dora"
)

// BenchmarkMemory is the heap that 10,000 series take: as restored, as recorded, and, as the yardstick, as counters of
// client_golang.
func BenchmarkMemory(b *testing.B) {
	const series = 10_000
	labels := func(i int) dora.Labels {
		return dora.Labels{"environment": "production", "repo": fmt.Sprintf("repository-%d", i), "status": "success", "team": "Platform"}
	}
	var restored, recorded, bare uint64
	for b.Loop() {
		restored += heap(func() any {
			i := newBenchInstruments(b)
			state := dora.State{dora.DeploymentsTotal: {}}
			for n := range series {
				l := labels(n)
				state[dora.DeploymentsTotal][l.Key()] = dora.Series{Labels: l, Own: 1}
			}
			i.Restore(state)
			return i
		})
		recorded += heap(func() any {
			i := newBenchInstruments(b)
			for n := range series {
				if err := i.Record([]dora.Fact{{Family: dora.DeploymentsTotal, Labels: labels(n), Value: 1}}); err != nil {
					b.Fatal(err)
				}
			}
			return i
		})
		bare += heap(func() any {
			c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "c"}, []string{"environment", "repo", "status", "team"})
			for n := range series {
				c.With(prometheus.Labels(labels(n))).Inc()
			}
			return c
		})
	}
	mib := func(bytes uint64) float64 { return float64(bytes) / float64(b.N) / (1 << 20) }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(mib(restored), "MiB-restored")
	b.ReportMetric(mib(recorded), "MiB-recorded")
	b.ReportMetric(mib(bare), "MiB-yardstick")
}

// heap is how many bytes what f returns keeps.
func heap(f func() any) uint64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	kept := f()
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(kept)
	return after.HeapAlloc - min(after.HeapAlloc, before.HeapAlloc)
}

func newBenchInstruments(b *testing.B) *Instruments {
	i, err := New(Options{Families: dora.Families(), Now: now})
	if err != nil {
		b.Fatal(err)
	}
	return i
}
