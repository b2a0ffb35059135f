package rules

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"dora-exporter/dora"
)

// Rules turn events into facts, and bound how many series these can make.
type Rules struct {
	Policy dora.Policy
	// MaxSeries is how many series a group of families may have, those taken over included.
	MaxSeries int
	Logger    *slog.Logger
	// OnFolded is called with the group, such as github, and the number of events that were counted under other.
	OnFolded func(families string, events int)
	// OnLate is called with the number of events that came after what they would have been looked at together with.
	OnLate func(events int)

	mu   sync.Mutex
	told map[string]bool
	// begun are label sets whose series have been started at 0, so that the store need not be asked again.
	begun map[string]bool
}

// Session are those of one transaction.
type Session struct {
	dora.Tx
	policy    dora.Policy
	maxSeries int
	families  map[string]dora.Family
	now       time.Time
	// folded counts the events that were counted under other, by group of families, late those that came late.
	folded map[string]int
	late   int
	// started says what has begun at 0 before this transaction, begun is what does in it.
	started func(string) bool
	begun   []string
	// notes are log lines for after the commit.
	notes []func(*slog.Logger)
}

// Update runs f with the rules in one transaction, and tells of what was folded, late or noted when it is committed.
func (l *Rules) Update(ctx context.Context, store dora.Transactor, now time.Time, f func(*Session) error) error {
	var r *Session
	err := store.Update(ctx, func(tx dora.Tx) error { // may be called again
		r = &Session{Tx: tx, policy: l.Policy, maxSeries: l.MaxSeries, families: dora.FamiliesByName(), now: now, folded: map[string]int{}, started: l.started}
		return f(r)
	})
	if err != nil {
		return err
	}
	l.reportFolded(r.folded)
	l.markStarted(r.begun)
	if r.late > 0 {
		l.OnLate(r.late)
	}
	for _, tell := range r.notes {
		tell(l.Logger)
	}
	return nil
}

// mostBegun bounds the memory of what has begun at 0.
const maxStarted = 100_000

func (l *Rules) started(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.begun[key]
}

func (l *Rules) markStarted(keys []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.begun == nil || len(l.begun) > maxStarted {
		l.begun = map[string]bool{}
	}
	for _, key := range keys {
		l.begun[key] = true
	}
}

// knownStates are the states that every environment has sooner or later; their series start at 0, so that PromQL's increase
// sees the first one.
var knownStates = [...]string{"success", "failure", "error"}

// deployment makes the series of a repository and environment known, at 0, while there is plenty of room for series.
func (r *Session) deployment(d dora.Deployment, team string, at time.Time) error {
	if err := r.startSeries(d, team, at); err != nil {
		return err
	}
	for _, state := range knownStates {
		labels := dora.DeploymentLabels(d, state, team)
		if err := r.startAllAtZero(labels, at, dora.DeploymentsTotal, dora.DeploymentsDurationSum); err != nil {
			return err
		}
	}
	return nil
}

// startAllAtZero makes new series with a label set that is not known yet, in families that have the same labels. A label set that
// is known has its series at 0, or has counted already.
func (r *Session) startAllAtZero(labels dora.Labels, at time.Time, families ...string) error {
	known, err := r.Facts().HasLabelSet(r.families[families[0]].Group(), labels.Key())
	if err != nil || known {
		return err
	}
	for _, family := range families {
		if err := r.startAtZero(family, labels, at); err != nil {
			return err
		}
	}
	return nil
}

// status counts a status and adds its duration, or makes it wait for the look-up of its commit.
func (r *Session) status(s dora.Status, team string) error {
	if err := r.deployment(s.Deployment, team, s.CreatedAt); err != nil {
		return err
	}
	labels, err := r.limitLabels(r.families[dora.DeploymentsTotal], dora.DeploymentLabels(s.Deployment, s.State, team))
	if err != nil {
		return err
	}
	commit := s.Deployment.Commit()
	w := dora.WaitingStatus{
		Commit:  commit.Key(),
		Subject: dora.StatusSubject(s.Deployment.Host, s.ID),
		Labels:  labels,
		At:      s.CreatedAt,
		ID:      s.ID,
	}
	if err := r.outcome(s, team); err != nil {
		return err
	}
	added, err := r.Facts().Add(dora.Fact{Family: dora.DeploymentsTotal, Labels: w.Labels, Value: 1, At: w.At, ID: w.ID, Subject: w.Subject})
	if err != nil || !added {
		return err
	}
	if commit.SHA == "" {
		return r.duration(w, dora.Origin{Unavailable: dora.ReasonNoCommit})
	}
	origin, known, err := r.Commits().Origin(w.Commit)
	if err != nil {
		return err
	}
	if known {
		return r.duration(w, origin)
	}
	if err := r.Commits().Wait(w); err != nil {
		return err
	}
	return r.Commits().AddLookup(dora.Lookup{Commit: commit, Due: r.now})
}
