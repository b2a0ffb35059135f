package persistence

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"dora-exporter/dora"
)

// openStore opens a store in a new folder and closes it at the end of the test.
func openStore(t testing.TB) *Store {
	t.Helper()
	return reopenStore(t, filepath.Join(t.TempDir(), "dora-exporter.db"))
}

func reopenStore(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(context.Background(), path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func delivery(key string) dora.Delivery {
	at := time.Date(2026, 3, 1, 12, 0, 0, int(5*time.Millisecond), time.UTC)
	return dora.Delivery{
		Source: dora.GitHub, Key: key, Received: at,
		Event: dora.Event{Status: &dora.Status{ID: 7, State: "success", CreatedAt: at.Add(-time.Second)}},
	}
}

func accept(t testing.TB, s *Store, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if duplicate, err := s.Accept(t.Context(), delivery(key)); err != nil || duplicate {
			t.Fatalf("Accept(%s) = %v, %v", key, duplicate, err)
		}
	}
}

func TestOpenAgainKeepsIdentityAndDeliveries(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a ?#%25&b.db")
	s := reopenStore(t, path)
	accept(t, s, "a", "b")
	id, started := s.ID(), s.Started()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = reopenStore(t, path)
	if s.ID() != id || id == "" {
		t.Errorf("id is %q after opening again, was %q", s.ID(), id)
	}
	if !s.Started().Equal(started) || time.Since(started) > time.Minute {
		t.Errorf("started is %v after opening again, was %v", s.Started(), started)
	}
	if duplicate, err := s.Accept(t.Context(), delivery("b")); err != nil || !duplicate {
		t.Errorf("Accept of the same key = %v, %v, want a duplicate", duplicate, err)
	}
}
