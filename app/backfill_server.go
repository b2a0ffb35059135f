package app

import (
	"context"
	"crypto/rand"
	"log/slog"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/history"
)

// Names of the parts of backfill_parts with the newest request, and with that of backfill.since if a command's request came before it.
const (
	requestPart    = "request"
	configuredPart = "configured request"
)

const (
	// requestInterval is the time between two looks for a request, and between two reports of the progress.
	requestInterval = time.Second
	// unclaimedAfter is how long a request may wait for a server before its command tries to carry it out.
	unclaimedAfter = 5 * time.Second
	// beatInterval is the time between two signs of life of a process that carries out a request.
	beatInterval = 15 * time.Second
	// incompleteRetry is the time between two attempts at the request of backfill.since while a credential is refused, or GitHub does not answer for
	// some repositories: each asks for what is new in the repositories.
	incompleteRetry = time.Hour
	// abandonedAfter is how long a process that carries out a request may be silent before another server or command takes over.
	abandonedAfter = time.Minute
)

// backfillState is a request for a backfill that a server carries out, and how far it is.
type backfillState struct {
	// ID tells the requests apart.
	ID       string           `json:"id"`
	Request  history.Request  `json:"request"`
	Progress history.Progress `json:"progress"`
	// Configured is true for the request of backfill.since. No command waits for it: it is tried again until its repositories can be listed and neither
	// a credential nor jira.jql is refused, and GitHub has answered for all of them.
	Configured bool `json:"configured,omitempty"`
	// Runner is the server, or the command, that carries it out, Beat its last sign of life by the store's clock.
	Runner string    `json:"runner,omitempty"`
	Beat   time.Time `json:"beat,omitzero"`
	Done   bool      `json:"done,omitempty"`
	// Error is why it failed; until Done, why it will be tried again.
	Error string `json:"error,omitempty"`
	// IncompleteAt is when an attempt ended that has left something out, by the store's clock.
	IncompleteAt time.Time `json:"incomplete_at,omitzero"`
	// wasReplaced is true for the request of backfill.since that was read from configuredPart.
	wasReplaced bool
}

// runBackfills carries out requested backfills until ctx ends. One that was interrupted goes on.
func (p *parts) runBackfills(ctx context.Context, o *Options) {
	lastLogged := ""
	var looking pipeline.Health
	for failures := 0; ctx.Err() == nil; {
		state, found, err := p.claimBackfill(ctx, o)
		if ctx.Err() == nil {
			looking.Set(o.Logger, "looking for a requested backfill", err)
		}
		switch {
		case found && p.runBackfill(ctx, o, state, &lastLogged):
			failures = 0
		case found:
			failures++
			pipeline.Sleep(ctx, dora.Backoff(failures))
		}
		pipeline.Sleep(ctx, requestInterval)
	}
}

// claimBackfill takes on the request that is there, if it is not done and no other server works on it, then that of backfill.since if a
// command's request came before it. Without a request, the first start requests what backfill.since asks for.
func (p *parts) claimBackfill(ctx context.Context, o *Options) (state backfillState, found bool, err error) {
	state, known, err := nextRequest(func(name string, into any) (bool, error) { return p.store.BackfillPart(ctx, name, into) })
	if err != nil || known && (state.Done || p.isPaused(&state)) || !known && o.Config.Backfill.Since.IsZero() {
		return state, false, err
	}
	err = p.store.Update(ctx, func(tx dora.Tx) (err error) {
		found = false
		state, known, err = nextRequest(tx.Backfill().Part)
		if err != nil || known && (state.Done || p.isPaused(&state) || p.isMadeElsewhere(o, &state)) {
			return err
		}
		if !known {
			state = backfillState{ID: rand.Text(), Request: history.Request{Since: o.Config.Backfill.Since}, Configured: true}
		}
		if state.wasReplaced {
			if err := tx.Backfill().SavePart(configuredPart, backfillState{Done: true}); err != nil {
				return err
			}
		}
		found, state.Runner, state.Beat = true, p.runner, p.clock.Now()
		return tx.Backfill().SavePart(requestPart, state)
	})
	return state, found, err
}

// isPaused reports whether a request waits since it has left something out. A server that has started since may have another credential.
func (p *parts) isPaused(s *backfillState) bool {
	return s.Configured && s.IncompleteAt.After(p.started) && p.clock.Now().Before(s.IncompleteAt.Add(incompleteRetry))
}

// isMadeElsewhere reports whether another process carries out a request.
func (p *parts) isMadeElsewhere(o *Options, s *backfillState) bool {
	return o.Config.Storage.IsPostgreSQL() && s.Runner != "" && s.Runner != p.runner && !s.Done && p.clock.Now().Sub(s.Beat) < abandonedAfter
}

// nextRequest reads the newest request, or if that is done, the one of backfill.since that it has replaced, if there is one.
func nextRequest(part func(name string, into any) (bool, error)) (state backfillState, known bool, err error) {
	if known, err = part(requestPart, &state); err != nil || !known || !state.Done {
		return state, known, err
	}
	replaced := backfillState{wasReplaced: true}
	if found, err := part(configuredPart, &replaced); err != nil || found && !replaced.Done {
		return replaced, true, err
	}
	return state, true, nil
}

// runBackfill carries out a request. It returns false if it is to be tried again. lastLogged is the last error of the request of backfill.since
// that was logged as one: the same one is not repeated.
func (p *parts) runBackfill(ctx context.Context, o *Options, state backfillState, lastLogged *string) (done bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &runningBackfill{parts: p, logger: o.Logger, stop: cancel, state: state}
	stop := runInBackground(ctx, func(ctx context.Context) { r.beat(ctx, beatInterval) })
	defer stop()
	b, err := p.newBackfill(ctx, o, state.Request, func(now history.Progress) { r.reach(ctx, now) })
	if err != nil && state.Configured && ctx.Err() == nil {
		r.retryConfigured(ctx, "listing what backfill.since asks for failed, will retry", err, lastLogged)
		return false
	}
	r.follow(b)
	o.Logger.Info("backfill begins", "since", state.Request.Since)
	var made history.Progress
	if err == nil {
		r.save(ctx, func(s *backfillState) { s.Error = "" })
		made, err = b.Run(ctx)
	}
	if ctx.Err() != nil {
		return false // the next start continues it, or another server does
	}
	if state.Configured && history.IsIncomplete(err) {
		r.retryConfigured(ctx, r.narrow(ctx, err), err, lastLogged)
		return false
	}
	if err != nil {
		o.Logger.Error("backfill failed, request it again later", "error", err)
	} else {
		o.Logger.Info("backfill done", "deployments", made.Deployments, "incidents", made.Issues, "new_deliveries", made.Deliveries,
			"calls", made.Calls, "points", made.Points)
	}
	r.save(ctx, func(s *backfillState) { s.end(made, err) })
	return true
}

// narrow has the request of backfill.since ask for no more than what its last attempt has left out, if that is known. It returns what to log.
func (r *runningBackfill) narrow(ctx context.Context, err error) (message string) {
	message = "reading what backfill.since asks for failed, will retry what is left"
	if history.OnlyJiraRefuses(err) {
		r.save(ctx, func(s *backfillState) { s.Request.Sources = []string{dora.Jira} })
		return message
	}
	r.save(ctx, func(s *backfillState) {
		s.IncompleteAt = r.clock.Now()
		if names := history.Unanswered(err); len(names) > 0 {
			s.Request.Sources, s.Request.Repositories = []string{dora.GitHub}, names
		}
	})
	return message + " in an hour, or at the next start"
}

// retryConfigured stores and logs why the request of backfill.since is to be tried again.
func (r *runningBackfill) retryConfigured(ctx context.Context, message string, err error, lastLogged *string) {
	level := slog.LevelError
	if err.Error() == *lastLogged {
		level = slog.LevelDebug
	}
	r.logger.Log(ctx, level, message, "error", err)
	*lastLogged = err.Error()
	r.save(ctx, func(s *backfillState) { s.Error = *lastLogged })
}
