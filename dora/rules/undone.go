package rules

import (
	"cmp"
	"slices"
	"strings"

	"dora-exporter/dora"
)

// undoneChanges returns which changes of a shipment, in the order in which they were merged, a later one of it reverts that stands itself.
func undoneChanges(all []dora.Change) map[int]bool {
	undone := map[int]bool{}
	if !slices.ContainsFunc(all, func(c dora.Change) bool { return len(c.Reverts) > 0 }) {
		return undone
	}
	called := callChanges(all)
	for at, change := range slices.Backward(all) {
		if undone[at] {
			continue
		}
		for _, reverted := range change.Reverts {
			for _, i := range called.find(reverted) {
				undone[i] = undone[i] || i < at
			}
		}
	}
	return undone
}

// calledChange is a name of a change, with its index. calledChanges are sorted by the names.
type calledChange struct {
	name string
	at   int
}

type calledChanges []calledChange

// callChanges returns all names of changes, and their titles in quotes.
func callChanges(all []dora.Change) (called calledChanges) {
	for i, c := range all {
		for _, name := range c.Names() {
			called = append(called, calledChange{name, i})
		}
		for _, title := range c.Titles() {
			called = append(called, calledChange{`"` + title + `"`, i})
		}
	}
	slices.SortFunc(called, func(a, b calledChange) int { return cmp.Compare(a.name, b.name) })
	return called
}

// find returns the changes that are meant by a number, a title in quotes, or a SHA, which may be abbreviated.
func (c calledChanges) find(name string) (all []int) {
	isWhole := strings.ContainsAny(name, `"#`)
	from, _ := slices.BinarySearchFunc(c, name, func(known calledChange, name string) int { return cmp.Compare(known.name, name) })
	for _, known := range c[from:] {
		if !strings.HasPrefix(known.name, name) || isWhole && known.name != name {
			break
		}
		all = append(all, known.at)
	}
	return all
}
