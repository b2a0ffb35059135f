package enrichment

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pauseStore is the store of several servers.
type pauseStore struct {
	mu     sync.Mutex
	reason string
	until  time.Time
	tokens []string
	err    error
}

func (p *pauseStore) SetPause(_ context.Context, token, reason string, wait time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Contains(p.tokens, token) {
		p.tokens = append(p.tokens, token)
	}
	p.reason, p.until = reason, time.Now().Add(wait)
	return p.err
}

func (p *pauseStore) Pause(context.Context, string) (string, time.Duration, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reason, max(0, time.Until(p.until)), p.err
}

// canaryName is the host with the beginning of the SHA-256 of the token.
const canaryName = "ghe.example.com e100fbce008c04ec"

// heard is when all servers have heard of a pause.
const heard = pausePoll + time.Second

// servers returns the gates of servers that share pauses, and stop, which ends the sharing of one of them.
func servers(t *testing.T, s *pauseStore, n int) (gates []*gate, stop []func()) {
	t.Helper()
	for range n {
		a := newAccountsBench(t, nil, tokenAccount(serverURL, "canary")).Accounts
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { a.SharePauses(ctx, s) })
		gates = append(gates, a.clients[0].all()[0].gate)
		stop = append(stop, func() { cancel(); running.Wait() })
	}
	synctest.Wait()
	return gates, stop
}

// A rate limit that one server hits holds the others, too. That server alone probes; they resume with it.
func TestOneServerProbesForAll(t *testing.T) {
	for name, cause := range map[string]outcome{
		"rate limit":    {kind: limited, wait: time.Minute, err: errDown},
		"refused token": {kind: refused, err: errDown},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &pauseStore{}
				gates, stop := servers(t, store, 3)
				gates[0].report(enterNow(t, gates[0], "a/a"), cause)
				time.Sleep(heard)
				var passed sync.WaitGroup
				times := make([]time.Duration, 3)
				began := time.Now()
				for n := 1; n < 3; n++ {
					passed.Go(func() {
						p := enterAfter(t, gates[n], 0, time.Hour)
						times[n] = time.Since(began)
						gates[n].report(p, outcome{kind: answered})
					})
				}
				// At its time the first server probes, in vain, and again.
				p := enterAfter(t, gates[0], time.Minute-heard, time.Minute-heard)
				gates[0].report(p, cause)
				p = enterAfter(t, gates[0], time.Minute, time.Minute)
				time.Sleep(time.Second) // the answer takes its time
				gates[0].report(p, outcome{kind: answered})
				passed.Wait()
				for n := 1; n < 3; n++ {
					if least := 2*time.Minute - heard + time.Second; times[n] < least || times[n] > least+pausePoll {
						t.Errorf("server %d goes on after %s, want %s, or %s later at most", n, times[n], least, pausePoll)
					}
				}
				for _, f := range stop {
					f()
				}
				if !slices.Equal(store.tokens, []string{canaryName}) {
					t.Errorf("the tokens are called %q, want %s", store.tokens, canaryName)
				}
			})
		})
	}
}

// When the server that hit the limit dies, the others probe themselves, a little later.
func TestPauseOfADeadServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates, stop := servers(t, &pauseStore{}, 2)
		gates[0].report(enterNow(t, gates[0], "a/a"), outcome{kind: limited, wait: time.Minute, err: errDown})
		synctest.Wait()
		stop[0]()
		time.Sleep(heard)
		p := enterAfter(t, gates[1], time.Minute-heard+followDelay, time.Minute-heard+followDelay)
		if !p.probe {
			t.Error("the first call afterwards is no probe")
		}
		gates[1].report(p, outcome{kind: answered})
		enterNow(t, gates[1], "a/a")
		stop[1]()
	})
}

// An outage that one server sees holds no other, and neither does a store that can't be reached.
func TestOutageIsNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &pauseStore{}
		gates, stop := servers(t, store, 2)
		almostDown(t, gates[0])
		gates[0].report(enterNow(t, gates[0], "a/a"), outcome{kind: failed, err: errDown})
		time.Sleep(pausePoll)
		if gates[0].closedReason != pauseFailing {
			t.Fatalf("the first gate is closed for %q, want an outage", gates[0].closedReason)
		}
		enterNow(t, gates[1], "a/a")
		store.mu.Lock()
		store.reason, store.until, store.err = pauseRateLimit, time.Now().Add(time.Hour), errors.New("connection refused")
		store.mu.Unlock()
		time.Sleep(10 * pausePoll)
		enterNow(t, gates[1], "a/a")
		for _, f := range stop {
			f()
		}
	})
}

// A server keeps the pause that GitHub has asked of it, whatever others say.
func TestOwnPauseStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates, stop := servers(t, &pauseStore{}, 2)
		for n, wait := range []time.Duration{time.Minute, time.Hour} {
			gates[n].report(enterNow(t, gates[n], "a/a"), outcome{kind: limited, wait: wait, err: errDown})
		}
		synctest.Wait()
		gates[0].report(enterAfter(t, gates[0], time.Minute, time.Minute), outcome{kind: answered})
		enterAfter(t, gates[1], time.Hour-time.Minute, time.Hour-time.Minute)
		for _, f := range stop {
			f()
		}
	})
}
