package postgres

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"
	"testing"

	"dora-exporter/integration/pgserver"
)

// A delivery that the server refuses, here since its key is too long for an index, fails alone: those that arrive with it are stored.
func TestServerRefusesOneDelivery(t *testing.T) {
	s := newPlace(pgserver.Start(t, "fsync=off")).open(t)
	long := make([]byte, 5000)
	_, _ = rand.Read(long)
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			if i%20 == 7 {
				if _, err := s.Accept(context.Background(), delivery(hex.EncodeToString(long)+fmt.Sprint(i))); err == nil {
					t.Error("the long key is stored")
				}
				return
			}
			if _, err := s.Accept(context.Background(), delivery(fmt.Sprint(i))); err != nil {
				t.Errorf("delivery %d: %v", i, err)
			}
		})
	}
	all.Wait()
	if err := s.Err(); err != nil {
		t.Errorf("the store says %v", err)
	}
	if b, err := s.Backlog(t.Context()); err != nil || b.Deliveries != 95 {
		t.Errorf("%d are stored, %v; want 95", b.Deliveries, err)
	}
}
