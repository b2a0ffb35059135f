package history_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/enrichment"
	"dora-exporter/history"
	"dora-exporter/persistence/teststore"
	"dora-exporter/receivers"
	"dora-exporter/story/org"
)

// oldServer is a GitHub Enterprise Server without GraphQL that answers calls of some paths with 503 for a time.
type oldServer struct {
	*org.GitHub

	until time.Time
	fails func(path string) bool
	// failed are the repositories of the calls that failed, read those of the others, in their order.
	failed, read []string
}

// RoundTrip implements http.RoundTripper, without a network, so that the clock of synctest goes on.
func (s *oldServer) RoundTrip(q *http.Request) (*http.Response, error) {
	in := q.Clone(q.Context())
	in.RequestURI = q.URL.RequestURI()
	w := httptest.NewRecorder()
	repository, _, _ := strings.Cut(strings.TrimPrefix(q.URL.Path, "/api/v3/repos/acme/"), "/")
	switch {
	case s.fails(q.URL.Path) && time.Now().Before(s.until):
		w.WriteHeader(http.StatusServiceUnavailable)
		s.failed = append(s.failed, repository)
	default:
		if s.ServeHTTP(w, in); strings.Contains(q.URL.Path, "/repos/") {
			s.read = append(s.read, repository)
		}
	}
	answer := w.Result()
	answer.Request = q
	return answer, q.Context().Err()
}

// newOldServer returns a server of three repositories.
func newOldServer() *oldServer {
	end := time.Now().UTC()
	g := org.NewGitHub(org.New(org.Plan{Repositories: 3, Releases: 6, Begin: end.AddDate(-1, 0, 0), End: end, Seed: 5}))
	g.WithoutQueries = true
	return &oldServer{GitHub: g}
}

// backfill returns a backfill from the server into a store.
func (s *oldServer) backfill(t *testing.T, store *teststore.Store) *history.Backfill {
	t.Helper()
	transport := func(http.RoundTripper) http.RoundTripper { return s }
	g, err := enrichment.New(enrichment.Options{BaseURL: "https://ghe.example.com/api/v3/", Token: "ghp_1234", Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return &history.Backfill{
		Request: history.Request{Since: time.Now().AddDate(-2, 0, 0), Repositories: []string{"acme/*"}, Sources: []string{dora.GitHub}}, GitHub: g, Store: store.Store,
		DecodeDeployment: receivers.DecodeDeployment, NeedsFlags: func(string) bool { return false }, Host: "ghe.example.com",
		Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		Sleep: func(ctx context.Context, d time.Duration) {
			select {
			case <-ctx.Done():
			case <-time.After(d):
			}
		},
	}
}

// statuses returns how many statuses the repositories have, without that of an index.
func (s *oldServer) statuses(without int) (n int) {
	for index := range s.Repositories {
		if index != without {
			n += len(s.Statuses(index))
		}
	}
	return n
}

const unread = "acme/service-001"

// A repository for which REST fails, although it answers others, is read again after them until it is answered, or named. If nothing is answered,
// the backfill waits. Each status is stored once.
func TestBackfillByRESTInAnOutage(t *testing.T) {
	of := func(path string) func(string) bool {
		return func(called string) bool { return strings.Contains(called, path) }
	}
	statuses := func(path string) bool { return strings.Contains(path, unread) && strings.HasSuffix(path, "/statuses") }
	for name, test := range map[string]struct {
		fails  func(path string) bool
		outage time.Duration
		named  bool
		order  []string // in which the repositories were read
	}{
		"answered by the first pass":  {of(unread), 10 * time.Second, false, []string{"service-000", "service-002", "service-001"}},
		"answered by the last pass":   {of(unread), 5 * time.Minute, false, []string{"service-000", "service-002", "service-001"}},
		"answered after all passes":   {of(unread), time.Hour, true, []string{"service-000", "service-002"}},
		"its statuses, for a minute":  {statuses, time.Minute, false, []string{"service-000", "service-001", "service-002", "service-001"}},
		"its statuses, for an hour":   {statuses, time.Hour, true, []string{"service-000", "service-001", "service-002"}}, // what was read is stored
		"the whole server, an hour":   {of("/"), time.Hour, false, []string{"service-000", "service-001", "service-002"}},
		"all deployments, for a time": {of("/deployments"), time.Minute, false, []string{"service-000", "service-001", "service-002"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newOldServer()
				s.until, s.fails = time.Now().Add(test.outage), test.fails
				store := teststore.At(t, filepath.Join(t.TempDir(), "dora-exporter.db"))
				b := s.backfill(t, store)
				made, err := b.Run(t.Context())
				want, failed, without := []string(nil), []string(nil), -1
				if test.named {
					want, failed, without = []string{"ghe.example.com/" + unread}, []string{unread}, 1
				}
				if diff := cmp.Diff([][]string{want, failed}, [][]string{history.Unanswered(err), made.Failed}); diff != "" || err != nil && want == nil {
					t.Errorf("error %v, -want +got:\n%s", err, diff)
				}
				if made.Repositories != 3 || made.Done != 3 || made.Deliveries != s.statuses(without) {
					t.Errorf("%+v, want %d statuses", made, s.statuses(without))
				}
				if diff := cmp.Diff(test.order, slices.Compact(s.read)); diff != "" || len(s.failed) == 0 {
					t.Errorf("%d calls failed; read: -want +got:\n%s", len(s.failed), diff)
				}
				s.until = time.Time{}
				again, err := s.backfill(t, store).Run(t.Context())
				if err != nil || len(again.Failed) > 0 || made.Deliveries+again.Deliveries != s.statuses(-1) {
					t.Errorf("again: %+v, %v, want %d statuses in all", again, err, s.statuses(-1))
				}
			})
		})
	}
}
