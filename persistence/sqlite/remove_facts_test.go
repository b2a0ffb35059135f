package sqlite

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// The checkpoint may save sums while facts are removed and added to the sums, in any order.
func TestSumsAreSavedDuringARemoval(t *testing.T) {
	s := openStore(t)
	var facts []dora.Fact
	err := s.Update(t.Context(), func(tx dora.Tx) error {
		for i := range 100 {
			value := []int64{1, -1}[i%2] // the sums of two positions are often equal
			f := dora.Fact{Family: dora.IncidentsOpen, Labels: dora.Labels{"team": strconv.Itoa(i % 3)}, Value: value, Subject: strconv.Itoa(i), Position: int64(i + 1)}
			facts = append(facts, f)
			if _, err := tx.Facts().Add(f); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	at := func(position int64) dora.Sums {
		sums := dora.Sums{Position: position, State: dora.State{}, Bounds: dora.BoundsOf(dora.Families())}
		if err := sums.State.Add(dora.FamiliesByName(), facts[:position]...); err != nil {
			t.Error(err)
		}
		return sums
	}
	var saving sync.WaitGroup
	saved := make(chan int64)
	defer saving.Wait()
	defer close(saved)
	saving.Go(func() {
		for position := range saved {
			if err := s.SaveSums(t.Context(), at(position)); err != nil {
				t.Errorf("SaveSums at %d: %v", position, err)
			}
		}
	})
	for last := int64(1); last < 100; last++ {
		if last%10 == 5 {
			saved <- min(last+3, 100)
		}
		err := s.Update(t.Context(), func(tx dora.Tx) error {
			_, err := tx.Removal().RemoveFacts(last, time.Now(), 1)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		sums, err := s.Sums(t.Context())
		if err != nil || sums.Position < last {
			t.Fatalf("after the removal up to %d, the sums have position %d, %v", last, sums.Position, err)
		}
		if diff := cmp.Diff(at(sums.Position), sums); diff != "" {
			t.Fatalf("at %d: -want +got:\n%s", sums.Position, diff)
		}
	}
}
