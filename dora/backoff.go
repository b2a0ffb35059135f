package dora

import (
	"math/rand/v2"
	"time"
)

// Backoff returns how long to wait after a number of failures in a row: 1 s, 2 s, 4 s … 60 s, each reduced by up to a fifth at random, so
// that what failed together is not retried together.
func Backoff(failures int) time.Duration {
	const longest = 60 * time.Second
	wait := longest
	if failures < 7 {
		wait = min(longest, time.Second<<max(0, failures-1))
	}
	return max(time.Second, wait-rand.N(wait/5))
}
