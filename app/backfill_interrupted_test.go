package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"dora-exporter/history"
	"dora-exporter/story/org"
)

// interruptions answers calls, and interrupts at each second one, which it does not answer.
type interruptions struct {
	*org.GitHub

	// interrupt ends what makes the calls; nil to answer all of them.
	interrupt context.CancelFunc
	calls     atomic.Int64
}

func (s *interruptions) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if s.calls.Add(1)%2 == 0 && s.interrupt != nil {
		_, _ = io.Copy(io.Discard, q.Body) // only then its end is noticed
		s.interrupt()
		<-q.Context().Done()
		return
	}
	s.GitHub.ServeHTTP(w, q)
}

// newInterruptions returns the options of an exporter of an organisation whose largest repository takes several pages, and in which nothing was
// deployed lately.
func newInterruptions(t *testing.T) (o Options, s *interruptions) {
	t.Helper()
	end := time.Now().UTC().Truncate(time.Second).AddDate(0, -1, 0)
	g := org.NewGitHub(org.New(org.Plan{Repositories: 5, Releases: 40, Skew: 1, Begin: end.AddDate(-2, 0, 0), End: end, Seed: 5}))
	s = &interruptions{GitHub: g}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	o = parsedOptions(t, fmt.Sprintf("github: {owner: acme, base_url: %s, token: t, webhook_secret: s}\nstorage: {file: {path: %s}}\n",
		server.URL, filepath.Join(t.TempDir(), "dora-exporter.prom")))
	o.Config.Policy.Settle = time.Second
	return o, s
}

// What a call has brought is stored before the next one is made: a backfill that is interrupted at each second call makes that one again, and
// no other, but for the list of repositories, which it reads once more at the end.
func TestBackfillInterruptedAtEachCall(t *testing.T) {
	t.Parallel()
	o, whole := newInterruptions(t)
	request := BackfillRequest{Since: time.Now().AddDate(-3, 0, 0)}
	undisturbed, err := Backfill(t.Context(), o, request, nil)
	if err != nil {
		t.Fatal(err)
	}
	o, s := newInterruptions(t)
	times, deliveries := 0, 0
	var made BackfillProgress
	for {
		ctx, interrupt := context.WithCancel(t.Context())
		s.interrupt = interrupt
		s.calls.Store(2 * int64(times)) // the first call of each attempt is answered
		made, err = s.attempt(ctx, t, o, request)
		deliveries += made.Deliveries
		if err == nil {
			break
		}
		if times++; !errors.Is(err, errInterrupted) || times > 2*undisturbed.Calls {
			t.Fatalf("interrupted %d times: %+v, %v, %s", times, made, err, s.Kinds())
		}
	}
	if made.Deployments != undisturbed.Deployments || deliveries != undisturbed.Deliveries || made.Done != 5 || len(made.Failed) > 0 {
		t.Errorf("%+v, %d deliveries; undisturbed %+v", made, deliveries, undisturbed)
	}
	if answered, _ := s.Spent(); answered > undisturbed.Calls+1 || times < answered-2 {
		t.Errorf("%d calls were answered and %d interrupted, want %d: %s; undisturbed %s", answered, times, undisturbed.Calls+1, s.Kinds(), whole.Kinds())
	}
}

// attempt makes a backfill as a command does.
func (s *interruptions) attempt(ctx context.Context, t *testing.T, o Options, r BackfillRequest) (BackfillProgress, error) {
	t.Helper()
	a, err := openParts(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	made, err := a.backfill(ctx, r, nil, func(history.Servers) {})
	if closed := a.Close(); closed != nil {
		t.Fatal(closed)
	}
	return made, err
}
