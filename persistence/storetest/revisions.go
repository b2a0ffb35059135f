package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"dora-exporter/dora"
)

// Whoever takes a revision, reads, and waits for a later revision misses no commit.
func revisionRules() rules {
	return rules{
		"change": revisionsOfChanges,
		"after":  waitForALaterRevision,
		"wakeup": noLostWakeUp,
		"all":    everybodyIsWoken,
	}
}

// patience ends a wait that would never end. It is no bound on how long the engine may take.
const patience = 20 * time.Second

func revisionsOfChanges(t *testing.T, s Store) {
	accept(t, s, "there")
	for _, test := range []struct {
		name   string
		change func() error
		want   bool
	}{
		{"a delivery", func() error { _, err := s.Accept(t.Context(), delivery("new")); return err }, true},
		{"a duplicate", func() error { _, err := s.Accept(t.Context(), delivery("there")); return err }, false},
		{"a fact", func() error { addFacts(t, s, fact("a")); return nil }, true},
		{"nothing", func() error { return s.Update(t.Context(), func(dora.Tx) error { return nil }) }, false},
		{"another client's", func() error {
			return s.Client("b").Update(t.Context(), func(tx dora.Tx) error { return tx.Incidents().Save(dora.Incident{Key: "a"}) })
		}, true},
		{"what is undone", func() error {
			_ = s.Update(t.Context(), func(tx dora.Tx) error { _, _ = tx.Facts().Add(fact("b")); return errRule })
			return nil
		}, false},
	} {
		before := s.Revision()
		if err := test.change(); err != nil {
			t.Fatal(err)
		}
		after := s.Revision()
		if after < before || after > before != test.want {
			t.Errorf("%s: the revision was %d and is %d, want a later one: %t", test.name, before, after, test.want)
		}
	}
}

func waitForALaterRevision(t *testing.T, s Store) {
	before := s.Revision()
	addFacts(t, s, fact("a"))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.WaitAfter(ctx, before); err != nil {
		t.Errorf("WaitAfter an earlier revision = %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.WaitAfter(ended, s.Revision()); !errors.Is(err, context.Canceled) {
		t.Errorf("WaitAfter the newest revision = %v, want the error of its context", err)
	}
}

// A reader sees each fact, though it waits whenever it has seen all that there were.
func noLostWakeUp(t *testing.T, s Store) {
	const facts = 100
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var wait sync.WaitGroup
	for reader := range 3 {
		wait.Go(func() {
			for last := int64(0); last < facts; {
				revision := s.Revision()
				now, err := s.LastPosition(ctx)
				if err == nil && now == last {
					err = s.WaitAfter(ctx, revision)
				}
				if err != nil {
					t.Errorf("reader %d stopped at fact %d: %v", reader, last, err)
					return
				}
				last = now
			}
		})
	}
	writers := []Client{s.Client("a"), s.Client("b")}
	for i := range facts {
		update(t, writers[i%2], func(tx dora.Tx) error {
			_, err := tx.Facts().Add(fact(fmt.Sprint(i)))
			return err
		})
	}
	wait.Wait()
}

// One commit ends the waits of all, and WaitAfter returns after what was committed can be read.
func everybodyIsWoken(t *testing.T, s Store) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	before := s.Revision()
	var wait sync.WaitGroup
	for i := range 20 {
		wait.Go(func() {
			err := s.WaitAfter(ctx, before)
			last, readErr := s.LastPosition(ctx)
			if err != nil || readErr != nil || last != 1 {
				t.Errorf("waiter %d: WaitAfter = %v, then the last position is %d, %v; want 1", i, err, last, readErr)
			}
		})
	}
	addFacts(t, s, fact("a"))
	wait.Wait()
}
