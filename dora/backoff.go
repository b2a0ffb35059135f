package dora

import (
	"math/rand/v2"
	"time"
)

// Backoff is how long to wait after so many failures in a row: 1 s, 2 s, 4 s … 60 s, each up to a fifth less, so that
// those that failed together don't come back together.
func Backoff(failures int) time.Duration {
	const longest = 60 * time.Second
	wait := longest
	if failures < 7 {
		wait = min(longest, time.Second<<max(0, failures-1))
	}
	return max(time.Second, wait-rand.N(wait/5))
}
