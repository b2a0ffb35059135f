package rules

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"dora-exporter/dora"
)

// Rules.MaxSeries limits how many series facts can make, for all github_* families together, and likewise for jira_* and dora_*.
// The limit is applied when a fact is made, so that the fact holds its final labels and a replay gives the same series. A label
// set reserves its series when it first counts. Past the limit, new label sets keep their team and get the value other for all
// other labels: the totals of a team stay exact.
const other = "other"

// add adds a fact of a dora_* family within the limit on series.
func (r *Session) add(f dora.Fact) (added bool, err error) {
	if f.Labels.InHistory() {
		return r.Facts().Add(f)
	}
	family := r.families[f.Family]
	reserved, err := r.Facts().HasLabelSet(family.Group(), f.Labels.Key())
	if err != nil {
		return false, err
	}
	if !reserved { // a fact that is known must not reserve a label set, or count as folded
		if known, err := r.Facts().Has(f.Family, f.Subject); err != nil || known {
			return false, err
		}
		if f.Labels, err = r.limitLabels(family, f.Labels); err != nil {
			return false, err
		}
	}
	return r.Facts().Add(f)
}

// observe adds the time between two times to a histogram, unless it is negative.
func (r *Session) observe(family string, labels dora.Labels, from, to time.Time, id int64, subject string) error {
	ms := to.UnixMilli() - from.UnixMilli()
	if ms < 0 {
		return nil
	}
	_, err := r.add(dora.Fact{Family: family, Labels: labels, Value: ms, At: to, ID: id, Subject: subject})
	return err
}

// limitLabels returns the labels under which an event counts: its own if they have reserved series or can, otherwise folded ones.
// Series of History are not published, so the limit does not count them.
func (r *Session) limitLabels(f dora.Family, labels dora.Labels) (dora.Labels, error) {
	if labels.InHistory() {
		return labels, nil
	}
	ok, err := r.reserveLabelSet(f, labels, r.maxSeries)
	if err != nil || ok {
		return labels, err
	}
	r.folded[f.Group()]++
	return foldLabels(labels), nil
}

// reserveLabelSet reserves the series of a label set unless its group would have more than limit series. It reports whether the
// label set has them.
func (r *Session) reserveLabelSet(f dora.Family, labels dora.Labels, limit int) (bool, error) {
	if isFolded(labels) {
		return true, nil
	}
	group, key := f.Group(), labels.Key()
	known, err := r.Facts().HasLabelSet(group, key)
	if err != nil || known {
		return known, err
	}
	reserved, err := r.Facts().Series(group)
	if err != nil || reserved+f.Width() > limit {
		return false, err
	}
	return true, r.Facts().AddLabelSet(group, key, f.Width())
}

// foldLabels returns the labels that a label set has past the limit.
func foldLabels(labels dora.Labels) dora.Labels {
	l := make(dora.Labels, len(labels))
	for name := range labels {
		l[name] = other
	}
	l["team"] = labels["team"]
	return l
}

// isFolded reports whether labels come from foldLabels. There is one such set for each team, which the limit does not count.
func isFolded(labels dora.Labels) bool {
	for name, value := range labels {
		if name != "team" && value != other {
			return false
		}
	}
	return true
}

// reportFolded counts the folded events, and logs the first of each group.
func (r *Rules) reportFolded(folded map[string]int) {
	for families, events := range folded {
		r.OnFolded(families, events)
		r.mu.Lock()
		if !r.limitLogged[families] {
			r.Logger.Warn("series limit reached: new label sets get the value \"other\", except team; "+
				"raise metrics.max_series, or fold names with environments.rewrite", "families", families+"_*", "max_series", r.MaxSeries)
			if r.limitLogged == nil {
				r.limitLogged = map[string]bool{}
			}
			r.limitLogged[families] = true
		}
		r.mu.Unlock()
	}
}

// ReserveLabelSets reserves the series of all label sets of a state, even above the limit: imported ones have not reserved theirs.
func (r *Rules) ReserveLabelSets(ctx context.Context, store dora.Transactor, s dora.State) error {
	err := store.Update(ctx, func(tx dora.Tx) error {
		for group, sets := range labelSets(s) {
			expected := 0
			for _, width := range sets {
				expected += width
			}
			reserved, err := tx.Facts().Series(group)
			if err != nil {
				return err
			}
			if reserved >= expected {
				continue // all have theirs: a label set is only reserved together with a fact
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

// labelSets returns the label sets of a state that the limit counts, by group and key, with the number of series of each.
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
