package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/persistence/teststore"
	"dora-exporter/receivers"
)

// listingGitHub has deployments by their IDs, newest first, each with a success, shows two a page, and has no GraphQL.
type listingGitHub struct {
	GitHub

	ids []int64
	// stop is called before each call. asked are the queries, and the pages that were asked for.
	stop    func(call string)
	queries int
	pages   []int
}

func (g *listingGitHub) Query(context.Context, string, string, map[string]any, any) error {
	g.queries++
	return dora.ErrNoBulk
}

func (g *listingGitHub) Deployments(ctx context.Context, _, _ string, number int) (all []json.RawMessage, next int, err error) {
	g.pages = append(g.pages, number)
	if g.stop(fmt.Sprint("page ", number)); ctx.Err() != nil {
		return nil, 0, ctx.Err()
	}
	for _, id := range g.ids[min(2*number-2, len(g.ids)):min(2*number, len(g.ids))] {
		all = append(all, json.RawMessage(fmt.Sprintf(`{"id": %d, "sha": "c0ffee", "environment": "production", "created_at": %q}`, id, month(1).AddDate(0, 0, int(id)).Format(time.RFC3339))))
	}
	if 2*number < len(g.ids) {
		next = number + 1
	}
	return all, next, nil
}

func (g *listingGitHub) DeploymentStatuses(ctx context.Context, _, _ string, id int64, _ int) ([]json.RawMessage, int, error) {
	if g.stop(fmt.Sprint("statuses ", id)); ctx.Err() != nil {
		return nil, 0, ctx.Err()
	}
	return []json.RawMessage{json.RawMessage(fmt.Sprintf(`{"id": %d, "state": "success", "created_at": %q}`, 100+id, month(1).AddDate(0, 0, int(id)).Format(time.RFC3339)))}, 0, nil
}

// read reads the repository into a store until a call is stopped; all of it if none is.
func (g *listingGitHub) read(t *testing.T, store Store, stopped string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	g.queries, g.pages, g.stop = 0, nil, func(call string) {
		if call == stopped {
			cancel()
		}
	}
	b := &Backfill{
		Request: Request{Since: month(1)}, GitHub: g, Store: store, DecodeDeployment: receivers.DecodeDeployment, NeedsFlags: func(string) bool { return false },
		Host: "ghe.example.com", Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return month(13) }, Sleep: func(context.Context, time.Duration) {},
	}
	b.prepare()
	if err := b.readRepository(ctx, target{Name: "acme/web"}); stopped == "" && err != nil || stopped != "" && !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped at %q: %v", stopped, err)
	}
}

// Without GraphQL, an interrupted backfill goes on with the page that it read last. Whatever comes and goes meanwhile, each status is stored once.
func TestReadWithoutBulkAfterAnInterruption(t *testing.T) {
	for name, test := range map[string]struct {
		stopped string
		change  func(ids []int64) []int64
		queries int
		pages   []int // that are read after the interruption
		want    []int64
	}{
		"at the first page": {stopped: "page 1", queries: 1, pages: []int{1, 2, 3, 4}, want: []int64{1, 2, 3, 4, 5, 6, 7}},
		"at the third page": {stopped: "page 3", pages: []int{2, 3, 4}, want: []int64{1, 2, 3, 4, 5, 6, 7}},
		"at the last page":  {stopped: "page 4", pages: []int{3, 4}, want: []int64{1, 2, 3, 4, 5, 6, 7}},
		"at the statuses":   {stopped: "statuses 4", want: []int64{1, 2, 3, 4, 5, 6, 7}},
		"one that was read is removed": {
			stopped: "page 3", change: func(ids []int64) []int64 { return slices.Delete(ids, 0, 1) }, pages: []int{2, 3}, want: []int64{1, 2, 3, 4, 5, 6, 7},
		},
		"three are new": { // they are read as what is newer
			stopped: "page 3", change: func(ids []int64) []int64 { return slices.Concat([]int64{10, 9, 8}, ids) }, pages: []int{2, 3, 4, 5}, want: []int64{1, 2, 3, 4, 5, 6, 7, 8},
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := teststore.At(t, filepath.Join(t.TempDir(), "dora-exporter.db"))
			g := &listingGitHub{ids: []int64{7, 6, 5, 4, 3, 2, 1}}
			g.read(t, store.Store, test.stopped)
			if test.change != nil {
				g.ids = test.change(g.ids)
			}
			g.read(t, store.Store, "")
			if diff := cmp.Diff(test.pages, g.pages); diff != "" || g.queries != test.queries {
				t.Errorf("%d queries, want %d; pages -want +got:\n%s", g.queries, test.queries, diff)
			}
			pending, err := store.Pending(t.Context(), month(14), 100)
			must(t, err)
			var stored []int64
			for _, d := range pending {
				stored = append(stored, d.Event.Status.ID-100)
			}
			slices.Sort(stored)
			if diff := cmp.Diff(test.want, stored); diff != "" {
				t.Errorf("statuses: -want +got:\n%s", diff)
			}
		})
	}
}
