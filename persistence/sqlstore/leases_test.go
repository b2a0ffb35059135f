package sqlstore

import (
	"slices"
	"testing"
	"time"
)

// What is gone or has another key when an item is read is not claimed, and the next claim finds it under its new key.
func TestClaimOfWhatHasChanged(t *testing.T) {
	l, now := newLeases(), time.Now()
	keys, items := []string{"gone", "old scope", "stays"}, []string{"new scope", "stays"}
	due := source[string]{
		keys:  func(int) ([]string, error) { return slices.Clone(keys), nil },
		items: func([]string) ([]string, error) { return items, nil },
		key:   func(item string) string { return item },
	}
	for i, want := range [][]string{{"stays"}, {"new scope"}, nil} {
		got, err := claim(&l, "client", lookupQueue, now, now.Add(time.Hour), 9, due)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("claim %d = %q, %v; want %q", i+1, got, err, want)
		}
		keys = items
	}
	if leased := l.leased(lookupQueue, now); leased != len(items) {
		t.Errorf("%d works are leased, want those that were claimed", leased)
	}
}
