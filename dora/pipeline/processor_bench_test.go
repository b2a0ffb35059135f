package pipeline_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
)

// BenchmarkProcess processes stored deliveries whose commits are known.
func BenchmarkProcess(b *testing.B) {
	store := openStore(b)
	err := store.Update(b.Context(), func(tx dora.Tx) error {
		return tx.Commits().SaveOrigin(status(1, "", 0).Status.Deployment.Commit().Key(), dora.Origin{FirstCommit: morning})
	})
	if err != nil {
		b.Fatal(err)
	}
	senders := make(chan struct{}, 64)
	for i := range b.N {
		senders <- struct{}{}
		go func() {
			e := status(int64(i+1), "success", time.Duration(i)*time.Second)
			e.Status.Deployment.ID = int64(i + 1)
			_, err := store.Accept(b.Context(), dora.Delivery{Source: dora.GitHub, Key: fmt.Sprint(i), Received: time.Now(), Event: e})
			if err != nil {
				b.Error(err)
			}
			<-senders
		}()
	}
	for range cap(senders) {
		senders <- struct{}{}
	}
	p := &pipeline.Processor{Store: store, Catalog: platform{}, Rules: noLimit(), Logger: slog.New(slog.DiscardHandler), Now: time.Now}
	b.ResetTimer()
	if err := p.Drain(b.Context()); err != nil {
		b.Fatal(err)
	}
}
