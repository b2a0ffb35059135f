package history

import (
	"context"
	"time"

	"dora-exporter/dora"
)

// repairTask is what is checked by itself, by one server at a time.
type repairTask struct {
	// name is that of the part with its state.
	name string
	// account has the events of these kinds that are checked: an account of GitHub, or the site of Jira.
	account  string
	kinds    []string
	interval time.Duration
	check    func(ctx context.Context) error
}

// taskState names the server that runs the check, with its last heartbeat, and tells when the last check ended, by the store's clock.
type taskState struct {
	Runner   string    `json:"runner,omitempty"`
	Beat     time.Time `json:"beat,omitzero"`
	Finished time.Time `json:"finished,omitzero"`
}

const (
	// repairPoll is the longest time between two looks at whether a check is due, repairRetry the time after a failed one.
	repairPoll  = 5 * time.Second
	repairRetry = time.Minute
	// beatInterval is the time between two heartbeats of a check, silentAfter the time without one after which another server takes over.
	beatInterval = 10 * time.Second
	silentAfter  = time.Minute
	// checkLimit is the longest time of a check. The next one goes on where it was.
	checkLimit = 30 * time.Minute
	// releaseLimit is the longest time of storing that a check has ended.
	releaseLimit = 2 * time.Second
)

// runTask runs a check at the start and whenever it is due, until ctx ends. It calls onFirst after the first check, which may be that of
// another server.
func (r *Repair) runTask(ctx context.Context, t repairTask, onFirst func()) {
	started, checked := r.Clock(), false
	defer onFirst()
	for ctx.Err() == nil {
		var err error
		checked, err = r.checkIfDue(ctx, t, started, checked)
		wait := min(repairPoll, t.interval)
		if err != nil && ctx.Err() == nil {
			r.Logger.Error("looking for events that webhooks did not bring failed, will retry", "account", t.account, "error", err)
			wait = min(repairRetry, t.interval)
		}
		if checked || err != nil {
			onFirst()
		} else {
			wait = min(wait, time.Second)
		}
		r.Sleep(ctx, wait)
	}
}

// checkIfDue runs a check if it is due and no other server runs it. It reports whether there was a check since the start: one of this server
// before, or one of another since started. For a single server the end of the last check does not tell: after a kill, the clock may be behind
// it.
func (r *Repair) checkIfDue(ctx context.Context, t repairTask, started time.Time, before bool) (checked bool, err error) {
	due := false
	err = r.Store.Update(ctx, func(tx dora.Tx) error {
		var state taskState
		_, err := tx.Backfill().Part(t.name, &state)
		checked = before || r.Shared && state.Finished.After(started)
		due = (!checked || r.Clock().Sub(state.Finished) >= t.interval) && !r.isOfOther(state)
		if err != nil || !due {
			return err
		}
		state.Runner, state.Beat = r.Runner, r.Clock()
		return tx.Backfill().SavePart(t.name, state)
	})
	if err != nil || !due {
		return checked, err
	}
	err = r.checkWithBeat(ctx, t)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseLimit)
	defer cancel()
	released := r.changeTask(ctx, t, func(state *taskState) {
		if state.Runner = ""; err == nil {
			state.Finished = later(r.Clock(), started.Add(time.Millisecond))
		}
	})
	if err == nil {
		err = released
	}
	return err == nil, err
}

// isOfOther reports whether another server runs the check.
func (r *Repair) isOfOther(s taskState) bool {
	return r.Shared && s.Runner != "" && s.Runner != r.Runner && r.Clock().Sub(s.Beat) < silentAfter
}

// checkWithBeat runs a check, and stores heartbeats meanwhile.
func (r *Repair) checkWithBeat(ctx context.Context, t repairTask) error {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			if r.Sleep(ctx, beatInterval); ctx.Err() == nil {
				_ = r.changeTask(ctx, t, func(state *taskState) { state.Beat = r.Clock() }) // the next one may work
			}
		}
	}()
	err := t.check(ctx)
	cancel()
	<-ended
	return err
}

// changeTask changes the state of a task unless another server has taken over.
func (r *Repair) changeTask(ctx context.Context, t repairTask, change func(*taskState)) error {
	return r.Store.Update(ctx, func(tx dora.Tx) error {
		var state taskState
		if _, err := tx.Backfill().Part(t.name, &state); err != nil || state.Runner != r.Runner {
			return err
		}
		change(&state)
		return tx.Backfill().SavePart(t.name, state)
	})
}
