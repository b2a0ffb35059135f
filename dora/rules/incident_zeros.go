package rules

import (
	"slices"
	"time"

	"dora-exporter/dora"
)

// passedState is a state that an incident was in after one of its events.
type passedState struct {
	issueState

	at     time.Time
	isOpen bool
}

// startIncidentSeries starts the series of each state that an incident has passed at 0, so that those are there which it counts in later,
// and the same in whatever order its events arrived. Edits of one that was resolved in History start nothing.
func (r *Session) startIncidentSeries(i dora.Incident, now issueNow) error {
	var started []passedState
	for _, s := range now.passed {
		isEdit := !s.isOpen && r.isHistoric(i, i.Resolved)
		if r.isHistoric(i, s.at) || isEdit || slices.ContainsFunc(started, s.hasSeriesOf) {
			continue
		}
		started = append(started, s)
		for _, team := range s.owners() {
			if err := r.startNewLabelSet(dora.IncidentLabels(s.project, team), s.at, dora.Incidents, dora.IncidentsDurationSum); err != nil {
				return err
			}
		}
		for _, labels := range issueLabels(s.issueState) {
			for _, family := range [...]string{dora.IncidentsOpen, dora.IncidentsOpened, dora.IncidentRecovery} {
				if err := r.startAtZero(family, labels, s.at); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// hasSeriesOf reports whether another state starts the same series.
func (s passedState) hasSeriesOf(other passedState) bool {
	return s.project == other.project && s.priority == other.priority && slices.Equal(s.owners(), other.owners())
}
