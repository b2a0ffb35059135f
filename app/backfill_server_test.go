package app

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/internal/testexporter"
	"dora-exporter/persistence/sqlstore"
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
	if err := a.waitUntilSettled(t.Context(), func(int) {}); err != nil {
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
		"running": {backfillState{ID: "a"}, "interrupted: another backfill goes on, this one was not requested"},
		"failing": {backfillState{ID: "a", Configured: true, Error: "502 Bad Gateway"}, "the server goes on with the backfill"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := saveRequest(t.Context(), o.Config, requestPart, test.unfinished); err != nil {
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
	if err := saveRequest(t.Context(), o.Config, requestPart, backfillState{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	made, err := RequestBackfill(t.Context(), o, BackfillRequest{Since: h.end.AddDate(0, 0, -60)}, func(BackfillProgress) {})
	if err != nil || made.Deployments == 0 {
		t.Errorf("%d deployments, error %v", made.Deployments, err)
	}
}

// A command that makes a backfill beside servers tells them which repositories it reads, so that questions about others do not wait.
func TestBackfillBesideStoresItsTargets(t *testing.T) {
	t.Parallel()
	h := newHalfYear(t)
	o := h.options(t)
	wanted := backfillState{ID: "a", Request: BackfillRequest{Since: h.end.AddDate(0, 0, -60), Sources: []string{dora.GitHub}}}
	made, here, err := backfillBeside(t.Context(), o, wanted, backfillState{}, func(BackfillProgress) {})
	if err != nil || !here {
		t.Fatal(here, err)
	}
	var targets backfillTargets
	err = withReader(t.Context(), o.Config, func(r *sqlstore.Reader) error {
		_, err := r.BackfillPart(t.Context(), targetsPart, &targets)
		return err
	})
	if err != nil || targets.ID != wanted.ID || made.Repositories == 0 || len(targets.Repositories) != made.Repositories || len(targets.Unlisted) > 0 {
		t.Errorf("%+v of %d repositories, error %v", targets, made.Repositories, err)
	}
}

// What backfill.since asks for is read although a command's request came before it while it failed.
func TestConfiguredBackfillAfterRequest(t *testing.T) {
	t.Parallel()
	h := newHalfYear(t)
	o := h.options(t)
	stopApp(t, startApp(t, o))
	configured := backfillState{ID: "configured", Request: BackfillRequest{Since: h.end.AddDate(0, 0, -60)}, Configured: true, Error: "502 Bad Gateway"}
	if err := saveRequest(t.Context(), o.Config, requestPart, configured); err != nil {
		t.Fatal(err)
	}
	if _, err := RequestBackfill(t.Context(), o, BackfillRequest{Since: h.end.AddDate(0, 0, -30)}, func(BackfillProgress) {}); err != nil {
		t.Fatal(err)
	}
	a := startApp(t, o)
	testexporter.Eventually(t, "the configured backfill is done", func() error {
		var state backfillState
		_, err := a.store.BackfillPart(t.Context(), requestPart, &state)
		if err == nil && (state.ID != configured.ID || !state.Done || state.Error != "" || state.Progress.Deployments == 0) {
			err = fmt.Errorf("%+v", state)
		}
		return err
	})
	if _, found, err := a.claimBackfill(t.Context(), &a.options); found || err != nil {
		t.Errorf("it is to be made again: %v, %v", found, err)
	}
}

// A server whose request another one has taken over, since it was silent for too long, stops carrying it out.
func TestBackfillThatAnotherServerHasTakenOver(t *testing.T) {
	h := newHalfYear(t)
	o := h.options(t)
	a := startApp(t, o)
	state := backfillState{ID: "a", Request: BackfillRequest{Since: h.end.AddDate(0, 0, -60)}, Runner: "other", Done: true} // so that a claims nothing
	if err := saveRequest(t.Context(), o.Config, requestPart, state); err != nil {
		t.Fatal(err)
	}
	mine := state
	mine.Runner, mine.Done = "mine", false
	lastLogged := ""
	if a.runBackfill(t.Context(), &a.options, mine, &lastLogged) {
		t.Error("it was carried out")
	}
	var stored backfillState
	if _, err := a.store.BackfillPart(t.Context(), requestPart, &stored); err != nil || stored.Runner != "other" {
		t.Errorf("stored is %+v, %v", stored, err)
	}
}

// A configured backfill that has nothing to read says so once, however often it is tried again.
func TestConfiguredBackfillOfNothing(t *testing.T) {
	o := testOptions(t, &fakeClock{})
	a := startApp(t, o)
	var log lockedLog
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	lastLogged := ""
	for range 3 {
		if a.runBackfill(t.Context(), &o, backfillState{ID: "a", Configured: true}, &lastLogged) {
			t.Error("the backfill is done")
		}
	}
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "nothing to read") {
		t.Errorf("%d lines:\n%s", n, log.String())
	}
	lastLogged = "502 Bad Gateway"
	a.runBackfill(t.Context(), &o, backfillState{ID: "a", Configured: true}, &lastLogged)
	if n := strings.Count(log.String(), "level=ERROR"); n != 2 {
		t.Errorf("another error is not logged:\n%s", log.String())
	}
}

// A backfill that makes no progress for long, such as during the wait for a rate limit, is not taken for one that nobody carries out.
func TestBackfillThatWaitsShowsSignsOfLife(t *testing.T) {
	clock := &fakeClock{}
	o := testOptions(t, clock)
	a := startApp(t, o)
	state := backfillState{ID: "a", Runner: "b", Beat: clock.machine().Wall(), Done: true} // so that a does not take it over
	r := &runningBackfill{parts: &a.parts, logger: o.Logger, stop: func() { t.Error("it was taken over") }, state: state}
	if err := saveRequest(t.Context(), o.Config, requestPart, r.state); err != nil {
		t.Fatal(err)
	}
	clock.advance(abandonedAfter)
	stop := runInBackground(t.Context(), func(ctx context.Context) { r.beat(ctx, time.Millisecond) })
	defer stop()
	for deadline := time.Now().Add(testexporter.Patience); !state.Beat.After(fakeStart.Add(abandonedAfter / 2)); time.Sleep(time.Millisecond) {
		if _, err := a.store.BackfillPart(t.Context(), requestPart, &state); err != nil || time.Now().After(deadline) {
			t.Fatalf("the last sign of life was at %s: %v", state.Beat, err)
		}
	}
}
