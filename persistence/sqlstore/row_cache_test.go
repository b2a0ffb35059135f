package sqlstore

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// committedOf returns which of some keys have a committed row.
func (c *rowCache[K, V]) committedOf(keys ...K) (known []K) {
	for _, key := range keys {
		if _, ok := c.getCommitted(key); ok {
			known = append(known, key)
		}
	}
	return known
}

func TestRowCacheForgetsWhatWasNotUsed(t *testing.T) {
	c := newRowCache[int, string](4)
	all := []int{1, 2, 3, 4, 5, 6, 7, 8}
	steps := []struct {
		add, get int
		want     []int
	}{
		{add: 1, want: []int{1}},
		{add: 2, want: []int{1, 2}},
		{add: 3, want: []int{1, 2, 3}}, // 1 and 2 are older now
		{get: 1, want: []int{1, 2, 3}}, // and 1 is used again
		{add: 4, want: []int{1, 3, 4}}, // so 2 is forgotten
		{add: 5, want: []int{1, 3, 4, 5}},
		{add: 6, want: []int{4, 5, 6}},
	}
	for i, step := range steps {
		if step.add != 0 {
			c.add(step.add, "row")
		} else if row, ok := c.get(step.get); !ok || row != "row" {
			t.Errorf("step %d: row %d is %q, %t", i, step.get, row, ok)
		}
		c.commit()
		if diff := cmp.Diff(step.want, c.committedOf(all...)); diff != "" {
			t.Errorf("after step %d: -want +got:\n%s", i, diff)
		}
	}
}

// A transaction that is rolled back leaves no row that it has changed, also of those that were not used lately.
func TestRowCacheRollsBack(t *testing.T) {
	for name, change := range map[string]func(*rowCache[int, string]){
		"changed": func(c *rowCache[int, string]) { c.set(1, "new") },
		"used and changed": func(c *rowCache[int, string]) {
			c.get(1)
			c.set(1, "new")
		},
		"removed":   func(c *rowCache[int, string]) { c.remove(1) },
		"forgotten": func(c *rowCache[int, string]) { c.clear() },
	} {
		for _, older := range []bool{false, true} {
			c := newRowCache[int, string](2)
			c.add(1, "old")
			c.commit()
			if older {
				c.add(2, "another")
				c.commit()
			}
			change(c)
			c.rollback()
			if row, ok := c.get(1); ok {
				t.Errorf("%s, older %t: the row is %q", name, older, row)
			}
			if slices.Contains(c.committedOf(1), 1) {
				t.Errorf("%s, older %t: others see the row", name, older)
			}
		}
	}
}

// More rows than the cache may have are not kept, and neither is what they replaced.
func TestRowCacheOfOneLargeTransaction(t *testing.T) {
	c := newRowCache[int, string](4)
	c.add(1, "old")
	c.commit()
	for key := range 3 {
		c.set(key, "new")
	}
	c.commit()
	if known := c.committedOf(0, 1, 2); known != nil {
		t.Errorf("rows %v are known", known)
	}
}
