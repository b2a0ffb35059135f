package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// A backfill without a server shows how much is left to be evaluated when all was read.
func TestBackfillShowsWhatIsEvaluated(t *testing.T) {
	t.Parallel()
	h := newHalfYear(t)
	o := h.options(t)
	o.Config.Policy.Settle = 24 * time.Hour // nothing can be evaluated during the test
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	shown := BackfillProgress{}
	_, err := Backfill(ctx, o, BackfillRequest{Since: h.end.AddDate(0, 0, -60)}, func(now BackfillProgress) {
		if shown = now; now.Unsettled > 0 {
			cancel()
		}
	})
	if !errors.Is(err, errInterrupted) || shown.Unsettled == 0 || shown.Deployments == 0 || shown.Done != shown.Repositories {
		t.Errorf("shown at last: %+v, %v", shown, err)
	}
}

// A backfill beside a server ends when all was read, and says how much the server still has to evaluate.
func TestBackfillBesideServerTellsWhatIsLeft(t *testing.T) {
	t.Parallel()
	h := newHalfYear(t)
	o := h.options(t)
	o.Config.Policy.Settle = 24 * time.Hour
	startApp(t, o)
	made, err := RequestBackfill(t.Context(), o, BackfillRequest{Since: h.end.AddDate(0, 0, -60)}, func(BackfillProgress) {})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := made.Write(&out); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("\nstill to be evaluated by the server: %d\n", made.Unsettled); made.Unsettled < 1 || !strings.Contains(out.String(), want) {
		t.Errorf("%s, want %s", &out, want)
	}
}
