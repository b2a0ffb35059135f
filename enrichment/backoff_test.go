package enrichment

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestGateBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := quietGate()
		almostDown(t, g)
		p := enterNow(t, g, "a/a")
		for _, s := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			g.report(p, outcome{kind: failed, err: errDown})
			p = enterAfter(t, g, max(time.Second, s*time.Second*4/5), s*time.Second)
		}
		g.report(p, outcome{kind: answered})
		time.Sleep(61 * time.Second)
		almostDown(t, g)
		p = enterNow(t, g, "a/a")
		g.report(p, outcome{kind: failed, err: errDown})
		enterAfter(t, g, time.Second, time.Second)
	})
}

func TestGateCountsFailuresTogetherOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := quietGate()
		var passes []pass
		for range 8 {
			passes = append(passes, enterNow(t, g, "a/a"))
		}
		for _, p := range passes[:7] {
			g.report(p, outcome{kind: failed, err: errDown})
		}
		probe := enterAfter(t, g, time.Second, time.Second)
		g.report(probe, outcome{kind: answered})
		time.Sleep(2 * time.Second)
		// One that hung until now tells of the outage that is over; one that worked then, too.
		g.report(passes[7], outcome{kind: failed, err: errDown})
		almostDown(t, g)
		p := enterNow(t, g, "a/a")
		g.report(p, outcome{kind: failed, err: errDown})
		g.report(passes[7], outcome{kind: answered})
		enterAfter(t, g, time.Second, time.Second)
	})
}

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
