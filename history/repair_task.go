package history

import (
	"context"
	"time"

	"dora-exporter/dora"
)

// repairTask is a check that runs by itself, on one server at a time.
type repairTask struct {
	// name is that of the part with its state.
	name string
	// account is the account of GitHub or the site of Jira whose events of some kinds are checked.
	account  string
	kinds    []string
	interval time.Duration
	check    func(ctx context.Context) error
}

// taskState is the server that runs the check, its last heartbeat, and when the last check ended, by the store's clock.
type taskState struct {
	Runner   string    `json:"runner,omitempty"`
	Beat     time.Time `json:"beat,omitzero"`
	Finished time.Time `json:"finished,omitzero"`
}

const (
	// repairPoll is how often a server finds out whether a check is due, repairRetry the time until a failed check is tried again.
	repairPoll  = 5 * time.Second
	repairRetry = time.Minute
	// beatInterval is the time between two heartbeats of a check. After silentAfter without one, another server takes over.
	beatInterval = 10 * time.Second
	silentAfter  = time.Minute
	// checkLimit is the longest time of a check. The next check continues it.
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

// checkIfDue runs a check if it is due and no other server runs it. It reports whether there was a check since the start: by this server
// before, or by another one since started. A single server does not use the time of the last check: after a kill, the clock may be behind
// it.
func (r *Repair) checkIfDue(ctx context.Context, t repairTask, started time.Time, before bool) (checked bool, err error) {
	due := false
	err = r.Store.Update(ctx, func(tx dora.Tx) error {
		var state taskState
		_, err := tx.Backfill().Part(t.name, &state)
		checked = before || r.Shared && state.Finished.After(started)
		due = (!checked || r.Clock().Sub(state.Finished) >= t.interval) && !r.runsElsewhere(state)
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

// runsElsewhere reports whether another server runs the check.
func (r *Repair) runsElsewhere(s taskState) bool {
	return r.Shared && s.Runner != "" && s.Runner != r.Runner && r.Clock().Sub(s.Beat) < silentAfter
}

// checkWithBeat runs a check and stores heartbeats until it ends.
func (r *Repair) checkWithBeat(ctx context.Context, t repairTask) error {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			if r.Sleep(ctx, beatInterval); ctx.Err() == nil {
				_ = r.changeTask(ctx, t, func(state *taskState) { state.Beat = r.Clock() }) // the next heartbeat may work
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
