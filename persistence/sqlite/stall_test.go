package sqlite

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/persistence/sqlstore"
)

// While the committer hangs, the store is not ready after sqlstore.StallAfter, which is logged once, and ready again afterwards.
// It makes no difference that the senders give up.
func TestStall(t *testing.T) {
	for name, hang := range map[string]func(*testing.T, *Store) (release func()){
		"in a change":        hold,
		"in a commit":        func(t *testing.T, s *Store) func() { _, release := holdCommits(t, s); return release },
		"waiting for a lock": lockedElsewhere,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				s := openStoreLogging(t, &log)
				release := hang(t, s)
				ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
				defer cancel()
				if _, err := s.Accept(ctx, delivery("a")); !errors.Is(err, context.DeadlineExceeded) {
					t.Fatalf("Accept = %v", err)
				}
				time.Sleep(sqlstore.StallAfter - 5*time.Second)
				if err := s.Err(); err != nil {
					t.Errorf("Err after 9 s = %v", err)
				}
				time.Sleep(6 * time.Second)
				synctest.Wait()
				if err := s.Err(); err == nil || !strings.Contains(err.Error(), "could not commit anything for 15s") {
					t.Errorf("Err after 15 s = %v", err)
				}
				if writes, err := s.Writes(); err != nil || writes.Stalled < sqlstore.StallAfter {
					t.Errorf("Writes = %+v, %v", writes, err)
				}
				if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "committing to the store stalled") {
					t.Errorf("log:\n%s", log.String())
				}
				release()
				time.Sleep(2 * sqlstore.ProbeInterval)
				synctest.Wait()
				if err := s.Err(); err != nil {
					t.Errorf("Err after the end of the stall = %v", err)
				}
				if writes, err := s.Writes(); err != nil || writes.Stalled != 0 || writes.Waiting != 0 {
					t.Errorf("Writes = %+v, %v", writes, err)
				}
				if n := strings.Count(log.String(), "\n"); n != 2 || !strings.Contains(log.String(), "committing to the store works again") {
					t.Errorf("log:\n%s", log.String())
				}
				accept(t, s, "b")
			})
		})
	}
}

// A store that has nothing to write is not stalled.
func TestIdleIsNoStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t)
		accept(t, s, "a")
		time.Sleep(time.Hour)
		if err := s.Err(); err != nil {
			t.Error(err)
		}
	})
}
