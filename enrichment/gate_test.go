package enrichment

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
)

var errDown = errors.New("down")

func quietGate() *gate {
	return newGate(logTo(new(bytes.Buffer)), func(bool) {}, func(string) {}, func(int) {})
}

var urls atomic.Int64

// newURL is another one each time.
func newURL() string { return fmt.Sprint("url ", urls.Add(1)) }

// almostDown fails all but one of the calls that it takes for an outage.
func almostDown(t *testing.T, g *gate) {
	t.Helper()
	for range outageFailures - 1 {
		g.report(enterNow(t, g, "a/a"), outcome{kind: failed, err: errDown})
	}
}

// enterNow gets a pass without waiting.
func enterNow(t *testing.T, g *gate, repository string) pass {
	t.Helper()
	start := time.Now()
	p, err := g.wait(t.Context(), waiter{repository: repository, route: routeCommit, url: newURL()})
	if err != nil || time.Since(start) != 0 {
		t.Fatalf("pass after %s, error %v; want one at once", time.Since(start), err)
	}
	return p
}

// enterAfter gets a pass and checks how long that took.
func enterAfter(t *testing.T, g *gate, least, longest time.Duration) pass {
	t.Helper()
	start := time.Now()
	p, err := g.wait(t.Context(), waiter{repository: "a/a", route: routeCommit, url: newURL()})
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < least || took > longest {
		t.Fatalf("pass after %s, want %s to %s", took, least, longest)
	}
	return p
}

func TestGateLetsOneProbeThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := quietGate()
		g.report(enterNow(t, g, "a/a"), outcome{kind: limited, wait: 10 * time.Second, err: errDown})
		start := time.Now()
		var mu sync.Mutex
		var probes []time.Duration
		var through int
		var all sync.WaitGroup
		outcomes := []outcome{
			{kind: abandoned},
			{kind: limited, wait: 5 * time.Second, err: errDown},
			{kind: answered},
		}
		for range 8 {
			all.Go(func() {
				p, err := g.wait(t.Context(), waiter{repository: "a/a", route: routeCommit, url: newURL()})
				if err != nil {
					t.Error(err)
					return
				}
				if !p.probe {
					mu.Lock()
					through++
					mu.Unlock()
					if took := time.Since(start); took != 21*time.Second {
						t.Errorf("pass after %s, want 21s", took)
					}
					return
				}
				mu.Lock()
				o := outcomes[len(probes)]
				probes = append(probes, time.Since(start))
				mu.Unlock()
				time.Sleep(2 * time.Second)
				g.report(p, o)
			})
		}
		all.Wait()
		// 10 s of the limit; 2 s until the first one leaves; 2 s until the second is limited for 5 s; 2 s until the third works.
		want := []time.Duration{10 * time.Second, 12 * time.Second, 19 * time.Second}
		if len(probes) != 3 || probes[0] != want[0] || probes[1] != want[1] || probes[2] != want[2] {
			t.Errorf("probes at %v, want %v", probes, want)
		}
		if through != 5 {
			t.Errorf("%d passes when it was open again, want 5", through)
		}
	})
}

func TestGateNeverShortensALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := quietGate()
		a, b, c := enterNow(t, g, "a/a"), enterNow(t, g, "a/a"), enterNow(t, g, "a/a")
		g.report(a, outcome{kind: failed, err: errDown})
		g.report(b, outcome{kind: limited, wait: time.Minute, err: errDown})
		g.report(c, outcome{kind: answered, wait: 30 * time.Second})
		enterAfter(t, g, time.Minute, time.Minute)
	})
}

func TestGateAtLastCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := quietGate()
		g.report(enterNow(t, g, "a/a"), outcome{kind: answered, wait: 30 * time.Minute})
		p := enterAfter(t, g, 30*time.Minute, 30*time.Minute)
		g.report(p, outcome{kind: answered})
		enterNow(t, g, "a/a")
	})
}

func TestGateEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := quietGate()
		g.report(enterNow(t, g, "a/a"), outcome{kind: limited, wait: time.Hour, err: errDown})
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if _, err := g.wait(ctx, waiter{repository: "a/a", route: routeCommit, url: newURL()}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("it took %s", took)
		}
		if _, err := g.wait(ctx, waiter{repository: "a/a", route: routeCommit, url: newURL()}); err == nil || len(g.waiting) != 0 {
			t.Errorf("error %v, waiting %v", err, g.waiting)
		}
	})
}

func TestGateRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var auth []bool
		g := newGate(logTo(&log), func(failing bool) { auth = append(auth, failing) }, func(string) {}, func(int) {})
		p := enterNow(t, g, "a/a")
		for range 3 {
			g.report(p, outcome{kind: refused, err: errDown})
			p = enterAfter(t, g, time.Minute, time.Minute)
		}
		g.report(p, outcome{kind: failed, err: errDown})
		p = enterAfter(t, g, time.Second, time.Second)
		g.report(p, outcome{kind: refused, err: errDown})
		p = enterAfter(t, g, time.Minute, time.Minute)
		if len(auth) != 1 || !auth[0] {
			t.Errorf("OnAuth %v, want true once", auth)
		}
		g.report(p, outcome{kind: answered})
		g.report(enterNow(t, g, "a/a"), outcome{kind: answered})
		if len(auth) != 2 || auth[1] {
			t.Errorf("OnAuth %v, want true and false", auth)
		}
		want := `level=ERROR msg="GitHub refuses access, will retry once a minute: check the credential and its permissions" key=github.token error=down
level=WARN msg="pausing GitHub API calls" reason=failing until=2000-01-01T00:03:01.000Z error=down
level=INFO msg="resuming GitHub API calls"
`
		if got := log.String(); got != want {
			t.Errorf("log:\n%swant:\n%s", got, want)
		}
	})
}

func TestGateLogsEachChangeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		g := newGate(logTo(&log), func(bool) {}, func(string) {}, func(int) {})
		p := enterNow(t, g, "a/a")
		for range 20 {
			g.report(p, outcome{kind: limited, wait: time.Minute, err: errDown})
			p = enterAfter(t, g, time.Minute, time.Minute)
		}
		g.report(p, outcome{kind: answered})
		want := `level=WARN msg="pausing GitHub API calls" reason=rate_limit until=2000-01-01T00:01:00.000Z error=down` +
			` remedy="set github.token to one that nothing else uses: GitHub limits calls per user, without a token to 60 an hour"
level=INFO msg="resuming GitHub API calls"
`
		if got := log.String(); got != want {
			t.Errorf("log:\n%swant:\n%s", got, want)
		}
	})
}

// One repository that is denied must not be in the way of the others.
func TestGateForbiddenRepository(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		g := newGate(logTo(&log), func(bool) {}, func(string) {}, func(int) {})
		denied := outcome{kind: denied, err: errDown}

		g.report(enterNow(t, g, "b/bad"), denied)
		start := time.Now()
		var all sync.WaitGroup
		var barred atomic.Int32
		for range 5 {
			all.Go(func() {
				p, err := g.wait(t.Context(), waiter{repository: "b/bad", route: routeCommit, url: newURL()})
				if err != nil {
					barred.Add(1)
					return
				}
				g.report(p, outcome{kind: abandoned})
			})
		}
		synctest.Wait()
		all.Go(func() {
			p, err := g.wait(t.Context(), waiter{repository: "g/good", route: routeCommit, url: newURL()})
			if err != nil || time.Since(start) != time.Minute || !p.probe {
				t.Errorf("pass %+v after %s, error %v; want the probe after a minute", p, time.Since(start), err)
			}
			time.Sleep(time.Second)
			g.report(p, outcome{kind: answered})
		})
		time.Sleep(time.Minute + time.Second + time.Millisecond)
		synctest.Wait()
		all.Wait()
		if barred.Load() != 4 { // one stands in for them, and may ask since the ban is over by then
			t.Errorf("%d of 5 calls were not made, want 4", barred.Load())
		}
		g.report(pass{waiter: waiter{repository: "b/bad"}, closings: g.closings}, denied)
		for range 3 {
			enterNow(t, g, "g/good")
			var err *dora.InaccessibleError
			if _, e := g.wait(t.Context(), waiter{repository: "b/bad", route: routeCommit, url: newURL()}); !errors.As(e, &err) {
				t.Errorf("error %v, want an InaccessibleError", e)
			}
			time.Sleep(time.Minute)
			g.report(enterNow(t, g, "b/bad"), denied)
		}
		time.Sleep(time.Minute)
		g.report(enterNow(t, g, "b/bad"), outcome{kind: answered})
		enterNow(t, g, "b/bad")
		if n := strings.Count(log.String(), "\n"); n != 4 {
			t.Errorf("%d lines:\n%swant 4: refused, work again, repository refused, repository again", n, log.String())
		}
	})
}

// A repository that was denied asks all the same when those who were to go first have left.
func TestGateForbiddenRepositoryGoesLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := quietGate()
		g.report(enterNow(t, g, "a/a"), outcome{kind: denied, err: errDown})
		good := &waiter{repository: "g/good", route: routeCommit, url: newURL()}
		if _, changed, _, err := g.try(good); changed == nil || err != nil {
			t.Fatalf("error %v; want to wait", err)
		}
		time.AfterFunc(90*time.Second, func() { g.leave(good) })
		enterAfter(t, g, 90*time.Second, 90*time.Second)
	})
}

// The only repository is denied for some time.
func TestGateDenied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := quietGate()
		p := enterNow(t, g, "a/a")
		for range 3 {
			g.report(p, outcome{kind: denied, err: errDown})
			p = enterAfter(t, g, time.Minute, time.Minute)
		}
		g.report(p, outcome{kind: answered})
		enterNow(t, g, "a/a")
		enterNow(t, g, "a/a")
	})
}

// Those who wait already when their repository is denied make room, too.
func TestGateDeniedWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := quietGate()
		limit, late := enterNow(t, g, "a/a"), enterNow(t, g, "b/bad")
		g.report(limit, outcome{kind: limited, wait: time.Hour, err: errDown})
		var barred atomic.Int32
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if _, err := g.wait(t.Context(), waiter{repository: "b/bad", route: routeCommit, url: newURL()}); err != nil {
					barred.Add(1)
				}
			})
		}
		synctest.Wait()
		g.report(late, outcome{kind: denied, err: errDown})
		synctest.Wait()
		if barred.Load() != 2 {
			t.Errorf("%d of 3 wait no more, want 2", barred.Load())
		}
		all.Wait()
	})
}

// A call that goes first passes once the time of a rate limit is over, whichever call is the probe, or is suited better as one.
func TestGateWhoGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := quietGate()
		g.route(routeCommit).repositories.recordFailure("b/bad")
		g.report(pass{}, outcome{kind: limited, wait: time.Minute, err: errDown})
		g.waiting[&waiter{repository: "g/good", route: routeCommit, url: newURL()}] = struct{}{}
		first := waiter{repository: "b/bad", route: routeCommit, url: newURL(), goesFirst: true}
		start := time.Now()
		for _, isProbe := range []bool{true, false} {
			if p, err := g.wait(t.Context(), first); err != nil || p.probe != isProbe || time.Since(start) != time.Minute {
				t.Errorf("probe %t after %s, error %v; want %t after a minute", p.probe, time.Since(start), err, isProbe)
			}
		}
	})
}
