package dora

import "time"

// HistoryLabel is the label of the facts of History: what happened before the store was created and was brought by a backfill. They
// are in no live counter, and their series are not published.
const HistoryLabel = "history"

// InHistory reports whether labels are those of facts of History.
func (l Labels) InHistory() bool { return l[HistoryLabel] != "" }

// OfHistory returns the labels under which the same counts in History.
func (l Labels) OfHistory() Labels { return l.With(HistoryLabel, "true") }

// CutHistory moves the series of History to a state of their own.
func (s State) CutHistory() State {
	history := State{}
	for family, all := range s {
		for key, series := range all {
			if !series.Labels.InHistory() {
				continue
			}
			if history[family] == nil {
				history[family] = map[string]Series{}
			}
			history[family][key] = series
			delete(all, key)
		}
	}
	return history
}

// Merge adds the series of another state, which has none of the same labels.
func (s State) Merge(other State) {
	for family, all := range other {
		if s[family] == nil {
			s[family] = map[string]Series{}
		}
		for key, series := range all {
			s[family][key] = series
		}
	}
}

// HistorySeries is a series of History, without the label HistoryLabel.
type HistorySeries struct {
	Labels Labels
	// First is the time of its earliest fact.
	First time.Time
}
