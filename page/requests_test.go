package page

import (
	"fmt"
	"testing"

	"dora-exporter/story/shop"
)

// A flood of refused requests with one reason, or with many, leaves the newest reasons, each once.
func TestRefusedRequests(t *testing.T) {
	seen := &Requests{}
	seen.AddRefused("jira", "malformed", "the one that matters", shop.Monday)
	for n := range 10_000 {
		seen.AddRefused("github", "unauthorized", "signature missing or wrong", shop.Minute(n))
	}
	if all := seen.newestRefused(); len(all) != 2 || all[0].Times != 10_000 || all[1].Why != "the one that matters" {
		t.Errorf("refused: %+v", all)
	}
	for n := range 10_000 {
		seen.AddRefused("github", "malformed", fmt.Sprint(n), shop.Minute(n))
	}
	if all := seen.newestRefused(); len(all) != maxRefused || all[0].Why != "9999" {
		t.Errorf("refused: %+v", all)
	}
}

// Duplicates of a delivery are counted while it is among the newest that were received again.
func TestDuplicates(t *testing.T) {
	seen := &Requests{}
	seen.AddDuplicate("forgotten", shop.Minute(0))
	for n := range 2 {
		seen.AddDuplicate("twice", shop.Minute(n))
	}
	for n := range maxDuplicates - 1 {
		seen.AddDuplicate(fmt.Sprint("other ", n), shop.Minute(2))
	}
	for key, want := range map[string]string{
		"forgotten": "", "twice": "received again twice, last at 2026-03-02T09:01:00Z: a duplicate, not counted",
		"other 0": "received again once, last at 2026-03-02T09:02:00Z: a duplicate, not counted", "never": "",
	} {
		if got := seen.describeDuplicates(key); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
}
