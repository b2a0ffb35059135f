package app

import (
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"dora-exporter/config"
	"dora-exporter/dora"
	"dora-exporter/page"
	"dora-exporter/persistence/sqlite"
	"dora-exporter/persistence/teststore"
	"dora-exporter/report"
)

// forgetDays removes all days from a database and marks them as stale since a time.
func forgetDays(t *testing.T, path string, since time.Time) {
	t.Helper()
	s := teststore.Open(t, path)
	err := s.Update(t.Context(), func(tx dora.Tx) error {
		policy, err := tx.Days().Policy()
		err = errors.Join(err, tx.Days().Restart(policy)) // which marks all as stale since the zero time
		if err != nil || since.IsZero() {
			return err
		}
		stale, err := tx.Days().Stale()
		for scope := range stale {
			stale[scope] = since
		}
		stale[dora.StaleIncidents] = time.Time{}
		return errors.Join(err, tx.Days().Save(dora.DayChanges{Stale: stale}))
	})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
}

// With many deployments whose days are still to be made, a page adds some of them and says so.
func TestPageOfStaleDays(t *testing.T) {
	path, now := aLargeStore(t, 1000) // five of each of 200 repositories
	r, err := sqlite.OpenReader(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	body := func() string {
		pages := newPages(r.Reader, config.DefaultPolicy(), &page.Requests{}, func() page.State { return page.State{} }, func() time.Time { return now }, slog.New(slog.DiscardHandler))
		answer := httptest.NewRecorder()
		newEngine(endpoints{metrics: http.NotFoundHandler(), page: pages}.pages(), nil, slog.New(slog.DiscardHandler)).
			ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
		return answer.Body.String()
	}
	const notice = "are still to be added"
	if text := body(); strings.Contains(text, notice) || !strings.Contains(text, "Team 7") {
		t.Errorf("with all days: %s", text)
	}
	forgetDays(t, path, time.Time{})
	if text := body(); strings.Contains(text, notice) || !strings.Contains(text, "Team 7") {
		t.Errorf("after a change of the policy: %s", text)
	}
	forgetDays(t, path, time.Unix(0, 0))
	if text := body(); !strings.Contains(text, notice) {
		t.Errorf("without days: %s", text)
	}
	o := report.Options{Now: now, Since: 4 * 365 * 24 * time.Hour}
	count := func(work int) (n int) {
		made, err := report.MeasuresFromEvents(t.Context(), r, config.DefaultPolicy(), o, work)
		if err != nil || made.IsStale != (work < 2000) {
			t.Errorf("for the work of %d: %t, %v", work, made.IsStale, err)
		}
		for _, row := range made.Rows {
			n += row.Frequency.Observations
		}
		return n
	}
	// A repository is the work of five deployments and five more.
	if diff := cmp.Diff([]int{0, 5, 200, 1000}, []int{count(0), count(1), count(400), count(2000)}); diff != "" {
		t.Errorf("deployments of the measures, -want +got:\n%s", diff)
	}
	all, err := report.FromEvents(t.Context(), r, config.DefaultPolicy(), o)
	if err != nil {
		t.Fatal(err)
	}
	measures, err := report.MeasuresFromEvents(t.Context(), r, config.DefaultPolicy(), o, math.MaxInt)
	if diff := cmp.Diff(all, measures, cmpopts.EquateNaNs(), cmpopts.IgnoreFields(report.Report{}, "Differences")); diff != "" || err != nil {
		t.Errorf("%v, -report +page:\n%s", err, diff)
	}
}
