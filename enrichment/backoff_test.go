package enrichment

import (
	"testing"
	"testing/synctest"
	"time"
)

// GitHub answers each probe and fails the calls after it: the pauses grow all the same. Once calls went on for longer than the last
// pause, they begin with a second again.
func TestPausesGrowAlthoughProbesAreAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := quietGate()
		fail := func() {
			for range outageFailures {
				g.report(enterNow(t, g, "a/a"), outcome{kind: failed, err: errDown})
			}
		}
		for _, pause := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
			fail()
			p := enterAfter(t, g, max(time.Second, pause*8/10), pause)
			g.report(p, outcome{kind: answered})
		}
		// The time of a rate limit is not one in which calls go on.
		g.report(enterNow(t, g, "a/a"), outcome{kind: limited, wait: time.Minute, err: errDown})
		g.report(enterAfter(t, g, time.Minute, time.Minute), outcome{kind: answered})
		fail()
		g.report(enterAfter(t, g, 6*time.Second, 8*time.Second), outcome{kind: answered})
		time.Sleep(9 * time.Second)
		fail()
		g.report(enterAfter(t, g, time.Second, time.Second), outcome{kind: answered})
	})
}

// A server answers some calls and limits the rest, without saying for how long: each time, calls pause for a second.
func TestPausesOfARateLimitDoNotGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := quietGate()
		for range 5 {
			g.report(enterNow(t, g, "a/a"), outcome{kind: limited, err: errDown})
			g.report(enterAfter(t, g, time.Second, time.Second), outcome{kind: answered})
		}
		g.report(enterNow(t, g, "a/a"), outcome{kind: limited, err: errDown})
		g.report(enterAfter(t, g, time.Second, time.Second), outcome{kind: limited, err: errDown})
		enterAfter(t, g, 1600*time.Millisecond, 2*time.Second)
	})
}
