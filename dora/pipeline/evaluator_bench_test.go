package pipeline_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"dora-exporter/dora/pipeline"
)

// BenchmarkEvaluate evaluates deployments that ship one change, in one scope and in many, while GitHub answers at once.
func BenchmarkEvaluate(b *testing.B) {
	for _, scopes := range []int{1, 100} {
		b.Run(fmt.Sprintf("%d scopes", scopes), func(b *testing.B) {
			store := openStore(b)
			w := newRepository("V1", "V2")
			for i := range b.N {
				e := deployed(int64(i+1), fmt.Sprintf("X%d", i), "success", 0)
				e.Status.Deployment.Repository = fmt.Sprintf("web%d", i%scopes)
				e.Status.CreatedAt = morning.Add(time.Duration(i) * time.Second)
				accept(b, store, e)
			}
			process(b, store, platform{})
			s := &pipeline.Evaluator{Store: store, Enricher: w, Rules: noLimit(), Logger: slog.New(slog.DiscardHandler), Now: time.Now}
			ctx, cancel := context.WithCancel(b.Context())
			done := make(chan struct{})
			b.ResetTimer()
			go func() { s.Run(ctx); close(done) }()
			for left := 1; left > 0; time.Sleep(time.Millisecond) {
				var err error
				if left, err = store.CountEvaluations(ctx); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			cancel()
			<-done
		})
	}
}
