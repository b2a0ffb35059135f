package catalog

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
)

func TestFreshAnswersDoNotTakeTheProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		b := newBench(t, func(*http.Request) (int, string, error) {
			if down.Load() {
				return 500, "", nil
			}
			return 200, platform, nil
		})
		b.want(t, "platform")
		down.Store(true)
		if _, err := b.RepositoryTeam(t.Context(), "api.github.com", "acme", "new"); err == nil {
			t.Fatal("an outage is not an answer")
		}
		down.Store(false)
		time.Sleep(2 * time.Second)
		b.want(t, "platform") // from the cache: no call
		if team, err := b.RepositoryTeam(t.Context(), "api.github.com", "acme", "new"); err != nil || team != "platform" {
			t.Errorf("after the outage: %s, %v", team, err)
		}
	})
}

func TestOneProbeAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		down.Store(true)
		b := newBench(t, func(*http.Request) (int, string, error) {
			if down.Load() {
				return 500, "", nil
			}
			time.Sleep(8 * time.Second)
			return 200, platform, nil
		})
		if _, err := b.RepositoryTeam(t.Context(), "api.github.com", "acme", "web"); err == nil {
			t.Fatal("an outage is not an answer")
		}
		down.Store(false)
		time.Sleep(time.Second)
		var answered, refused atomic.Int32
		var wait sync.WaitGroup
		for i := range 20 {
			wait.Go(func() {
				start := time.Now()
				_, err := b.RepositoryTeam(t.Context(), "api.github.com", "acme", strconv.Itoa(i))
				switch {
				case err == nil:
					answered.Add(1)
				case time.Since(start) == 0:
					refused.Add(1)
				}
			})
		}
		wait.Wait()
		if answered.Load() != 1 || refused.Load() != 19 || b.calls.Load() != 2 {
			t.Errorf("%d answered, %d refused at once, %d calls; want 1, 19, 2", answered.Load(), refused.Load(), b.calls.Load())
		}
	})
}

func TestProbeWithoutItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		down.Store(true)
		b := newBench(t, func(*http.Request) (int, string, error) {
			if down.Load() {
				return 500, "", nil
			}
			time.Sleep(5 * time.Second)
			return 200, platform, nil
		})
		_, _ = b.RepositoryTeam(t.Context(), "api.github.com", "acme", "web")
		down.Store(false)
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := b.RepositoryTeam(ctx, "api.github.com", "acme", "web"); err == nil {
			t.Error("the caller was answered before the call was")
		}
		time.Sleep(5 * time.Second)
		b.want(t, "platform")
		if n := b.calls.Load(); n != 2 {
			t.Errorf("%d calls, want the one that failed and the probe", n)
		}
	})
}

// A call that began before Backstage came back says nothing about Backstage since.
func TestLateFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(r *http.Request) (int, string, error) {
			switch filter := r.URL.Query().Get("filter"); {
			case strings.HasSuffix(filter, "/hangs"):
				<-r.Context().Done()
				return 0, "", r.Context().Err()
			case strings.HasSuffix(filter, "/fails"):
				return 503, "", nil
			}
			return 200, platform, nil
		})
		var wait sync.WaitGroup
		wait.Go(func() { _, _ = b.RepositoryTeam(t.Context(), "api.github.com", "acme", "hangs") })
		synctest.Wait()
		_, _ = b.RepositoryTeam(t.Context(), "api.github.com", "acme", "fails")
		time.Sleep(time.Second)
		b.want(t, "platform")
		wait.Wait()
		if team, err := b.RepositoryTeam(t.Context(), "api.github.com", "acme", "other"); err != nil || team != "platform" {
			t.Errorf("after the late failure: %s, %v", team, err)
		}
		if n := strings.Count(b.log.String(), "\n"); n != 2 {
			t.Errorf("%d log lines, want one for the outage and one for its end:\n%s", n, b.log.String())
		}
	})
}

func TestAHangingServerIsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(r *http.Request) (int, string, error) {
			<-r.Context().Done()
			return 0, "", r.Context().Err()
		})
		start := time.Now()
		if team, err := b.RepositoryTeam(t.Context(), "api.github.com", "acme", "web"); err == nil {
			t.Errorf("team %s of a server that says nothing", team)
		}
		if took := time.Since(start); took != callTimeout {
			t.Errorf("took %v, want %v", took, callTimeout)
		}
	})
}

func TestOutageIsNotUnknown(t *testing.T) {
	b := newBench(t, replies(403, `{"error":{"name":"NotAllowedError"}}`))
	if team, err := b.ProjectTeam(t.Context(), "WEB"); err == nil || team == dora.Unknown {
		t.Errorf("team %q, %v; want an error", team, err)
	}
}
