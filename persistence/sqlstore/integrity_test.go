package sqlstore

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestRest(t *testing.T) {
	for name, test := range map[string]struct{ part, least, want time.Duration }{
		"as long as the part":       {3 * time.Second, time.Second, 3 * time.Second},
		"at least for a time":       {time.Millisecond, time.Second, time.Second},
		"not at all, nobody waits":  {3 * time.Second, 0, 0},
		"a part that took no time":  {0, time.Second, time.Second},
		"nothing to do and no rest": {0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				time.Sleep(test.part)
				if err := Rest(t.Context(), began, test.least); err != nil {
					t.Fatal(err)
				}
				if rested := time.Since(began) - test.part; rested != test.want {
					t.Errorf("rested for %s, want %s", rested, test.want)
				}
			})
		})
	}
}
