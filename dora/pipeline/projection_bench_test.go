package pipeline_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/instrumentation"
	"dora-exporter/persistence/checkpoint"
	"dora-exporter/persistence/teststore"
)

var sizes = []int{1000, 10_000, 100_000}

// withFacts makes a store with so many facts about a thousand series, and what restores them.
func withFacts(b *testing.B, n int) (store *teststore.Store, folder string, projection func() *pipeline.Projection) {
	b.Helper()
	folder = b.TempDir()
	store = openStoreAt(b, filepath.Join(folder, "dora-exporter.db"))
	for from := 0; from < n; from += 1000 {
		err := store.Update(b.Context(), func(tx dora.Tx) error {
			for i := from; i < from+1000; i++ {
				labels := dora.Labels{"environment": "production", "repo": fmt.Sprintf("repo-%d", i%1000), "status": "success", "team": "Platform"}
				if _, err := tx.Facts().Add(dora.Fact{Family: dora.DeploymentsTotal, Labels: labels, Value: 1, At: morning, ID: int64(i), Subject: fmt.Sprint(i)}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return store, folder, func() *pipeline.Projection {
		instruments, err := instrumentation.New(instrumentation.Options{Families: dora.Families(), Started: store.Started, Now: time.Now, Series: store.Series, Backlog: noBacklog})
		if err != nil {
			b.Fatal(err)
		}
		logger := slog.New(slog.DiscardHandler)
		return &pipeline.Projection{
			Store: store, Recorder: instruments, Rules: noLimit(), Logger: logger, Every: time.Second, OnCheckpoint: func(error) {},
			Checkpoint: checkpoint.New(filepath.Join(folder, "dora-exporter.prom"), store, dora.Families(), false, logger),
		}
	}
}

func noBacklog(context.Context) (b instrumentation.Backlog, err error) { return b, nil }

// BenchmarkStart restores all values: from the facts alone, and from a checkpoint. The yardstick is reading the facts.
func BenchmarkStart(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("facts=%d", n), func(b *testing.B) {
			store, folder, projection := withFacts(b, n)
			var reading, replay, checkpoint time.Duration
			for b.Loop() {
				began := time.Now()
				for position := int64(0); ; {
					facts, err := store.Facts(b.Context(), position, 1000)
					if err != nil {
						b.Fatal(err)
					}
					if len(facts) == 0 {
						break
					}
					position = facts[len(facts)-1].Position
				}
				reading += time.Since(began)
				for _, with := range []*time.Duration{&replay, &checkpoint} {
					began = time.Now()
					if err := projection().Restore(b.Context()); err != nil {
						b.Fatal(err)
					}
					*with += time.Since(began)
				}
				for _, name := range []string{"dora-exporter.prom", "dora-exporter.prom.prev"} {
					if err := os.Remove(filepath.Join(folder, name)); err != nil {
						b.Fatal(err)
					}
				}
			}
			milliseconds := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 / float64(b.N) }
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(milliseconds(reading), "ms-reading")
			b.ReportMetric(milliseconds(replay), "ms-from-facts")
			b.ReportMetric(milliseconds(checkpoint), "ms-from-checkpoint")
		})
	}
}

// BenchmarkCheckpoint writes the checkpoint of a thousand series, whatever the number of facts. The yardstick is to write the
// same bytes to a file, sync it and rename it.
func BenchmarkCheckpoint(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("facts=%d", n), func(b *testing.B) {
			_, folder, projection := withFacts(b, n)
			p := projection()
			if err := p.Restore(b.Context()); err != nil {
				b.Fatal(err)
			}
			text, err := os.ReadFile(filepath.Join(folder, "dora-exporter.prom"))
			if err != nil {
				b.Fatal(err)
			}
			var ours, bare time.Duration
			for b.Loop() {
				began := time.Now()
				if err := p.Finish(b.Context()); err != nil {
					b.Fatal(err)
				}
				ours += time.Since(began)
				began = time.Now()
				write(b, filepath.Join(folder, "yardstick"), text)
				bare += time.Since(began)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(ours.Microseconds())/1000/float64(b.N), "ms")
			b.ReportMetric(float64(bare.Microseconds())/1000/float64(b.N), "ms-yardstick")
		})
	}
}

func write(b *testing.B, path string, text []byte) {
	file, err := os.Create(path + ".tmp")
	if err == nil {
		_, err = file.Write(text)
	}
	if err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = file.Close()
	}
	if err == nil {
		err = os.Rename(path+".tmp", path)
	}
	if err != nil {
		b.Fatal(err)
	}
}
