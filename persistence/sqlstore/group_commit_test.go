package sqlstore

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A group with a delivery is committed sooner than one with updates alone: its sender waits.
func TestGroupsEndInTime(t *testing.T) {
	const eachTakes = 4 * time.Millisecond
	for name, test := range map[string]struct {
		deliveries []int // after how many updates they arrive
		want       int   // how many updates are in the group
	}{
		"updates":                      {want: 13}, // 4 ms to 52 ms
		"a delivery first":             {deliveries: []int{0}, want: 2},
		"a delivery after ten updates": {deliveries: []int{10}, want: 10},
		"two deliveries":               {deliveries: []int{0, 1}, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQueue(MaxWaiting)
				push := func(bounded bool) {
					o := newOp(nil)
					o.bounded = bounded
					if err := q.push(o); err != nil {
						t.Fatal(err)
					}
				}
				for range 20 {
					push(false)
				}
				updates := 0
				arrive := func() {
					if slices.Contains(test.deliveries, updates) {
						push(true)
					}
				}
				arrive()
				for o := range claimGroup(q) {
					time.Sleep(eachTakes)
					if !o.bounded {
						updates++
						arrive()
					}
				}
				if updates != test.want {
					t.Errorf("%d updates are in the group, want %d", updates, test.want)
				}
			})
		})
	}
}
