package app

import (
	"context"
	"sync"
	"testing"
)

// A request beside one that the server carries out waits for it, and both are carried out.
func TestBackfillsAtTheSameTime(t *testing.T) {
	t.Parallel()
	h := newHalfYear(t)
	o := h.options(t)
	called, release := make(chan struct{}), make(chan struct{})
	h.onCall = sync.OnceFunc(func() {
		close(called)
		<-release
	})
	a := startApp(t, o)
	ignore := func(BackfillProgress) {}
	var first, second BackfillProgress
	var failed [2]error
	var running sync.WaitGroup
	running.Go(func() {
		first, failed[0] = RequestBackfill(t.Context(), o, BackfillRequest{Since: h.end.AddDate(0, 0, -60)}, ignore)
	})
	<-called
	waits := make(chan struct{})
	running.Go(func() {
		second, failed[1] = RequestBackfill(t.Context(), o, BackfillRequest{Since: h.end.AddDate(0, 0, -183)}, func(BackfillProgress) {
			select {
			case <-waits:
			default:
				close(waits)
			}
		})
	})
	<-waits
	close(release)
	running.Wait()
	if failed[0] != nil || failed[1] != nil || first.Deployments == 0 || second.Deployments <= first.Deployments {
		t.Errorf("%v, %v; %d deployments of two months, %d of six", failed[0], failed[1], first.Deployments, second.Deployments)
	}
	if err := a.waitUntilSettled(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A command does not wait for a configured backfill that fails, and one that is interrupted says that it was not requested.
func TestBackfillBesideAnUnfinishedOne(t *testing.T) {
	t.Parallel()
	h := newHalfYear(t)
	o := h.options(t)
	a := startApp(t, o)
	stopApp(t, a)
	request := BackfillRequest{Since: h.end.AddDate(0, 0, -60)}
	for name, test := range map[string]struct {
		unfinished backfillState
		want       string
	}{
		"running": {backfillState{ID: "a"}, "interrupted: the server goes on with another backfill, this one was not requested"},
		"failing": {backfillState{ID: "a", Configured: true, Error: "502 Bad Gateway"}, "the server goes on with the backfill"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := saveRequest(t.Context(), o.Config, test.unfinished); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			shown := 0
			_, err := RequestBackfill(ctx, o, request, func(BackfillProgress) {
				if shown++; shown == 2 {
					cancel()
				}
			})
			if err == nil || err.Error() != test.want {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

// A request that no server carries out keeps no command waiting, which makes its backfill itself.
func TestBackfillBesideRequest(t *testing.T) {
	t.Parallel()
	h := newHalfYear(t)
	o := h.options(t)
	stopApp(t, startApp(t, o))
	if err := saveRequest(t.Context(), o.Config, backfillState{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	made, err := RequestBackfill(t.Context(), o, BackfillRequest{Since: h.end.AddDate(0, 0, -60)}, func(BackfillProgress) {})
	if err != nil || made.Deployments == 0 {
		t.Errorf("%d deployments, error %v", made.Deployments, err)
	}
}
