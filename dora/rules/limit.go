package rules

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"dora-exporter/dora"
)

// other is the value that labels have past the limit: Rules.MaxSeries bounds how many series facts can make, for all
// github_* families together, and for jira_* and dora_* likewise. It is applied when a fact is made, so that the fact
// holds its final labels. Past it the label team is kept, and the others get this value: a team's totals stay exact.
const other = "other"

// reportFolded counts what was folded, and logs the first of each group.
func (l *Rules) reportFolded(folded map[string]int) {
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

// limitLabels returns the labels that an event counts under: its own when they have a place or get one, else those past the limit.
func (r *Session) limitLabels(f dora.Family, labels dora.Labels) (dora.Labels, error) {
	ok, err := r.reserveLabelSet(f, labels, r.maxSeries)
	if err != nil || ok {
		return labels, err
	}
	r.folded[f.Group()]++
	return foldLabels(labels), nil
}

// reserveLabelSet says whether a label set has a place or gets one, since no more than so many series are taken then.
func (r *Session) reserveLabelSet(f dora.Family, labels dora.Labels, most int) (bool, error) {
	if isFolded(labels) {
		return true, nil
	}
	group, key := f.Group(), labels.Key()
	known, err := r.Facts().HasLabelSet(group, key)
	if err != nil || known {
		return known, err
	}
	taken, err := r.Facts().Series(group)
	if err != nil || taken+f.Width() > most {
		return false, err
	}
	return true, r.Facts().AddLabelSet(group, key, f.Width())
}

// foldLabels are the labels past the limit.
func foldLabels(labels dora.Labels) dora.Labels {
	l := make(dora.Labels, len(labels))
	for name := range labels {
		l[name] = other
	}
	l["team"] = labels["team"]
	return l
}

// isFolded says whether labels are those past the limit. There is one such set for each team; they need no place.
func isFolded(labels dora.Labels) bool {
	for name, value := range labels {
		if name != "team" && value != other {
			return false
		}
	}
	return true
}

// ReserveLabelSets gives all label sets of a state their places, also above the limit: those of a baseline, and those of facts
// that were made before there was a limit.
func (l *Rules) ReserveLabelSets(ctx context.Context, store dora.Transactor, s dora.State) error {
	err := store.Update(ctx, func(tx dora.Tx) error {
		for group, sets := range labelSets(s) {
			expected := 0
			for _, width := range sets {
				expected += width
			}
			taken, err := tx.Facts().Series(group)
			if err != nil {
				return err
			}
			if taken >= expected {
				continue // all of them have theirs: a place is only taken together with a fact
			}
			for _, key := range slices.Sorted(maps.Keys(sets)) {
				if err := tx.Facts().AddLabelSet(group, key, sets[key]); err != nil {
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
func labelSets(s dora.State) map[string]map[string]int {
	all := map[string]map[string]int{}
	for _, f := range dora.Families() {
		width := f.Width()
		for key, series := range s[f.Name] {
			if isFolded(series.Labels) {
				continue
			}
			if all[f.Group()] == nil {
				all[f.Group()] = map[string]int{}
			}
			all[f.Group()][key] = width
		}
	}
	return all
}
