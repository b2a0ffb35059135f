package dora

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// other is the value that labels have past the limit: Rules.MaxSeries bounds how many series facts can make, for all
// github_* families together, and for jira_* and dora_* likewise. It is applied when a fact is made, so that the fact
// holds its final labels. Past it the label team is kept, and the others get this value: a team's totals stay exact.
const other = "other"

// note counts what was folded, and logs the first of each group.
func (l *Rules) note(folded map[string]int) {
	for families, events := range folded {
		l.OnFolded(families, events)
		l.mu.Lock()
		if !l.told[families] {
			l.Logger.Warn("there are too many series: events with new labels are counted under the value other, with their team; "+
				"raise metrics.max_series, or fold names with environments.rewrite", "families", families+"_*", "max_series", l.MaxSeries)
			if l.told == nil {
				l.told = map[string]bool{}
			}
			l.told[families] = true
		}
		l.mu.Unlock()
	}
}

// place returns the labels that an event counts under: its own when they have a place or get one, else those past the limit.
func (r *rules) place(f Family, labels Labels) (Labels, error) {
	ok, err := r.admit(f, labels, r.maxSeries)
	if err != nil || ok {
		return labels, err
	}
	r.folded[f.group()]++
	return folded(labels), nil
}

// admit says whether a label set has a place or gets one, since no more than so many series are taken then.
func (r *rules) admit(f Family, labels Labels, most int) (bool, error) {
	if past(labels) {
		return true, nil
	}
	group, key := f.group(), labels.Key()
	known, err := r.LabelSet(group, key)
	if err != nil || known {
		return known, err
	}
	taken, err := r.Series(group)
	if err != nil || taken+f.width() > most {
		return false, err
	}
	return true, r.AddLabelSet(group, key, f.width())
}

// folded are the labels past the limit.
func folded(labels Labels) Labels {
	l := make(Labels, len(labels))
	for name := range labels {
		l[name] = other
	}
	l["team"] = labels["team"]
	return l
}

// past says whether labels are those past the limit. There is one such set for each team; they need no place.
func past(labels Labels) bool {
	for name, value := range labels {
		if name != "team" && value != other {
			return false
		}
	}
	return true
}

// group is the first word of a family's name: the families that share one limit.
func (f Family) group() string {
	group, _, _ := strings.Cut(f.Name, "_")
	return group
}

// width is how many series a label set of the family takes: families of a group with the same labels are published
// together, such as the count and the sum of durations.
func (f Family) width() int {
	n := 0
	for _, g := range Families() {
		if g.group() == f.group() && slices.Equal(g.Labels, f.Labels) {
			n += g.series()
		}
	}
	return n
}

// series is how many Prometheus has of one label set of the family: a histogram's buckets, the last one, sum and count.
func (f Family) series() int {
	if f.Kind == Histogram {
		return len(f.Bounds) + 3
	}
	return 1
}

// Remember gives all label sets of a state their places, also above the limit: those of a baseline, and those of facts
// that were made before there was a limit.
func (l *Rules) Remember(ctx context.Context, store Store, s State) error {
	err := store.Update(ctx, func(tx Tx) error {
		for group, sets := range labelSets(s) {
			expected := 0
			for _, width := range sets {
				expected += width
			}
			taken, err := tx.Series(group)
			if err != nil {
				return err
			}
			if taken >= expected {
				continue // all of them have theirs: a place is only taken together with a fact
			}
			for _, key := range slices.Sorted(maps.Keys(sets)) {
				if err := tx.AddLabelSet(group, key, sets[key]); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("remember the label sets: %w", err)
	}
	return nil
}

// labelSets are those of a state that need a place, by group and key, with the series that each is for.
func labelSets(s State) map[string]map[string]int {
	all := map[string]map[string]int{}
	for _, f := range Families() {
		width := f.width()
		for key, series := range s[f.Name] {
			if past(series.Labels) {
				continue
			}
			if all[f.group()] == nil {
				all[f.group()] = map[string]int{}
			}
			all[f.group()][key] = width
		}
	}
	return all
}
