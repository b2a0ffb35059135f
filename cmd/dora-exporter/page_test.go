package main

import (
	"log/slog"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/persistence"
)

// pagesOf are the pages over the database of a shop.
func (s *shop) pages(state pageState, requests *requests) *pages {
	s.t.Helper()
	r, err := persistence.OpenReader(s.t.Context(), s.path)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = r.Close() })
	now := func() time.Time { return minute(1440) }
	return newPages(r, s.rules.Policy, requests, func() pageState { return state }, now, slog.New(slog.DiscardHandler))
}

func emptyPages(t *testing.T, state pageState) *pages { return newShop(t).pages(state, &requests{}) }

var _ = dora.Success
