package sqlite

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPendingSaysWhatItCannotRead(t *testing.T) {
	s := openStore(t)
	accept(t, s, "a", "bad", "c")
	tamper(t, s.path, `UPDATE deliveries SET event = x'7b' WHERE rest = 'bad'`)
	deliveries, err := s.Pending(t.Context(), delivery("").Received, 10)
	if err != nil || len(deliveries) != 3 {
		t.Fatalf("%d deliveries, %v; want 3", len(deliveries), err)
	}
	for _, d := range deliveries {
		if (d.Unreadable != nil) != (d.Key == "bad") {
			t.Errorf("%s: unreadable: %v", d.Key, d.Unreadable)
		}
	}
}

func pendingAt(t *testing.T, s *Store, now time.Time, want ...string) {
	t.Helper()
	deliveries, err := s.Pending(t.Context(), now, 10)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range deliveries {
		got = append(got, d.Key)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pending at %v:\n%s", now, diff)
	}
}

// BenchmarkPending is with 100,000 deliveries pending, nearly all of them postponed, behind 1,000,000 that are done.
func BenchmarkPending(b *testing.B) {
	s := openStore(b)
	db, err := connect(b.Context(), s.path, "rw")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	for _, part := range []struct{ n, due, done int }{{1_000_000, 0, 1}, {99_000, 1 << 60, 0}, {1_000, 0, 0}} {
		err := db.exec(fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
			INSERT INTO deliveries (source, stem, rest, about, event, received, due, state, checksum)
			SELECT 'github', 0, hex(randomblob(16)), '', CAST('{"deployment_status":{}}' AS BLOB), 0, %d, %d, 0 FROM n`, part.n, part.due, part.done))
		if err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if got, err := s.Pending(b.Context(), time.Now(), 256); err != nil || len(got) != 256 {
			b.Fatal(len(got), err)
		}
	}
}
