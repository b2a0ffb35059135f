package rules

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"dora-exporter/dora"
)

// Rules apply a policy to events and evaluations, one transaction after another, and limit how many series the facts can make.
type Rules struct {
	Policy dora.Policy
	// MaxSeries limits the number of series of each group of families, imported ones included.
	MaxSeries int
	// RedeploymentLabel adds the label redeployment to the github_* families.
	RedeploymentLabel bool
	// StoreCreated is when the store was created: issues that were resolved before and only edited since are not counted.
	StoreCreated time.Time
	Logger       *slog.Logger
	// OnFolded is called with the group, such as github, and the number of events that were counted under the label value other.
	OnFolded func(families string, events int)
	// OnLate is called with the number of events that arrived after events that follow them had been evaluated.
	OnLate func(events int)

	familiesOnce sync.Once
	families     map[string]dora.Family

	mu sync.Mutex
	// limitLogged has the groups whose limit the log has mentioned.
	limitLogged map[string]bool
	// started caches which series have been started at 0, so that the store need not be asked again.
	started map[string]bool
}

// Session applies the rules in one transaction.
type Session struct {
	dora.Tx
	policy    dora.Policy
	maxSeries int
	// redeploymentLabel is true if the github_* families have the label redeployment.
	redeploymentLabel bool
	families          map[string]dora.Family
	now               time.Time
	// storeCreated is when the store was created.
	storeCreated time.Time
	// folded counts the events that were counted under other by group of families, late the events that were late.
	folded map[string]int
	late   int
	// identified has the repositories of the events of the transaction.
	identified map[calledRepository]*identifiedRepository
	// spellings has how environments are spelled that the events went to.
	spellings map[spelledEnvironment]string
	// isStarted reports which series earlier transactions have started at 0; newlyStarted has those of this one.
	isStarted    func(key string) bool
	newlyStarted []string
	// unrepaired has what unrepairedCommits found.
	unrepaired map[string][]string
	// logAfterCommit has the log lines that are only true once the transaction is committed.
	logAfterCommit []func(context.Context, *slog.Logger)
}

// Update runs f in one transaction. Log lines, OnFolded and OnLate follow after the commit.
func (r *Rules) Update(ctx context.Context, store dora.Transactor, now time.Time, f func(*Session) error) error {
	var s *Session
	err := store.Update(ctx, func(tx dora.Tx) error { // may be called again
		s = &Session{
			Tx: tx, policy: r.Policy, maxSeries: r.MaxSeries, redeploymentLabel: r.RedeploymentLabel, families: r.familiesByName(), now: now,
			storeCreated: r.StoreCreated,
			folded:       map[string]int{}, isStarted: r.isStarted,
			identified: map[calledRepository]*identifiedRepository{}, spellings: map[spelledEnvironment]string{}, unrepaired: map[string][]string{},
		}
		if err := f(s); err != nil {
			return err
		}
		return s.saveNames()
	})
	if err != nil {
		return err
	}
	r.reportFolded(s.folded)
	r.addStarted(s.newlyStarted)
	if s.late > 0 {
		r.OnLate(s.late)
	}
	for _, write := range s.logAfterCommit {
		write(ctx, r.Logger)
	}
	return nil
}

// familiesByName returns what dora.FamiliesByName does, which takes longer than many a transaction.
func (r *Rules) familiesByName() map[string]dora.Family {
	r.familiesOnce.Do(func() { r.families = dora.FamiliesByName() })
	return r.families
}

// maxStarted bounds the memory of Rules.started.
const maxStarted = 100_000

func (r *Rules) isStarted(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.started[key]
}

func (r *Rules) addStarted(keys []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.started == nil || len(r.started) > maxStarted {
		r.started = map[string]bool{}
	}
	for _, key := range keys {
		r.started[key] = true
	}
}
