package app

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"time"

	"dora-exporter/config"
	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/history"
	"dora-exporter/internal/localfile"
	"dora-exporter/persistence/postgres"
	"dora-exporter/persistence/sqlite"
	"dora-exporter/persistence/sqlstore"
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
	// beatInterval is the time between two signs of life of a server that carries out a request.
	beatInterval = 15 * time.Second
	// abandonedAfter is how long a server that carries out a request may be silent before another one, or the command, takes over.
	abandonedAfter = time.Minute
)

// backfillState is a request for a backfill that a server carries out, and how far it is.
type backfillState struct {
	// ID tells the requests apart.
	ID       string           `json:"id"`
	Request  history.Request  `json:"request"`
	Progress history.Progress `json:"progress"`
	// Configured is true for the request of backfill.since. No command waits for it: it is tried again until its repositories can be listed and no
	// credential is refused.
	Configured bool `json:"configured,omitempty"`
	// Runner is the server that carries it out, Beat its last sign of life by the store's clock.
	Runner string    `json:"runner,omitempty"`
	Beat   time.Time `json:"beat,omitzero"`
	Done   bool      `json:"done,omitempty"`
	// Error is why it failed; until Done, why it will be tried again.
	Error string `json:"error,omitempty"`
	// wasReplaced is true for the request of backfill.since that was read from configuredPart.
	wasReplaced bool
}

// runBackfills carries out requested backfills until ctx ends. One that was interrupted goes on.
func (p *parts) runBackfills(ctx context.Context, o *Options) {
	lastLogged := ""
	for failures := 0; ctx.Err() == nil; {
		state, found, err := p.claimBackfill(ctx, o)
		switch {
		case err != nil && ctx.Err() == nil:
			o.Logger.Error("looking for a requested backfill failed, will retry", "error", err)
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
	if err != nil || known && state.Done || !known && o.Config.Backfill.Since.IsZero() {
		return state, false, err
	}
	err = p.store.Update(ctx, func(tx dora.Tx) (err error) {
		found = false
		state, known, err = nextRequest(tx.Backfill().Part)
		others := o.Config.Storage.IsPostgreSQL() && state.Runner != "" && state.Runner != p.runner && p.clock.Now().Sub(state.Beat) < abandonedAfter
		if err != nil || known && (state.Done || others) {
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
	for _, server := range b {
		r.follow(server)
	}
	o.Logger.Info("backfill begins", "since", state.Request.Since)
	var made history.Progress
	if err == nil {
		r.save(ctx, func(s *backfillState) { s.Error = "" })
		made, err = b.Run(ctx)
	}
	if ctx.Err() != nil {
		return false // the next start continues it, or another server does
	}
	if refused := new(dora.RefusedError); state.Configured && errors.As(err, &refused) {
		r.retryConfigured(ctx, "reading what backfill.since asks for failed, will retry what is left", err, lastLogged)
		return false
	}
	why := ""
	if err != nil {
		why = err.Error()
		o.Logger.Error("backfill failed, request it again later", "error", err)
	} else {
		o.Logger.Info("backfill done", "deployments", made.Deployments, "incidents", made.Issues, "new_deliveries", made.Deliveries,
			"calls", made.Calls, "points", made.Points)
	}
	r.save(ctx, func(s *backfillState) { s.Progress, s.Done, s.Error = made, true, why })
	return true
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

// BackfillAnywhere has a running server make a backfill, as RequestBackfill. Without one, it makes the backfill itself, as Backfill.
func BackfillAnywhere(ctx context.Context, o Options, r BackfillRequest, onProgress func(BackfillProgress)) (made BackfillProgress, err error) {
	if o.Config.Storage.IsPostgreSQL() { // which does not tell whether a server uses it
		made, err = RequestBackfill(ctx, o, r, onProgress)
		if !errors.Is(err, postgres.ErrNoTables) {
			return made, err
		}
	}
	if made, err = Backfill(ctx, o, r, onProgress); errors.Is(err, localfile.ErrLocked) {
		return RequestBackfill(ctx, o, r, onProgress)
	}
	return made, err
}

// RequestBackfill asks the running server for a backfill, and returns when it is done. If ctx ends, the server carries on. While the server
// carries out another request, RequestBackfill waits. If no server uses the store, but another backfill does, RequestBackfill makes the
// backfill itself, after the other one.
func RequestBackfill(ctx context.Context, o Options, r BackfillRequest, onProgress func(BackfillProgress)) (made BackfillProgress, err error) {
	wanted, saved := backfillState{ID: rand.Text(), Request: r}, false
	for {
		err = withReader(ctx, o.Config, func(reader *sqlstore.Reader) (err error) {
			if !saved {
				replaced, err := waitForOthers(ctx, reader, onProgress)
				if err == nil && replaced.Configured && !replaced.Done {
					err = saveRequest(ctx, o.Config, configuredPart, replaced)
				}
				if err == nil {
					err = saveRequest(ctx, o.Config, requestPart, wanted)
				}
				if err != nil {
					return err
				}
				saved = true
			}
			made, err = followRequest(ctx, reader, wanted.ID, onProgress)
			return err
		})
		if !errors.Is(err, errUnattended) {
			return made, err
		}
		if saved && o.Config.Storage.IsPostgreSQL() { // where a server may start meanwhile: it must not make it, too
			wanted.Done = true
			if err := saveRequest(ctx, o.Config, requestPart, wanted); err != nil {
				return made, err
			}
		}
		if made, err = Backfill(ctx, o, r, onProgress); errors.Is(err, localfile.ErrLocked) {
			saved = saved && !wanted.Done
			wanted.Done = false
			continue
		}
		if err == nil && saved && !wanted.Done {
			wanted.Done = true // the next server does not make it again
			err = saveRequest(ctx, o.Config, requestPart, wanted)
		}
		return made, err
	}
}

// waitForOthers returns the stored request when it is done, or has failed and will be tried again.
func waitForOthers(ctx context.Context, r *sqlstore.Reader, onProgress func(BackfillProgress)) (state backfillState, err error) {
	waited := false
	state, err = followBackfill(ctx, r, func(now BackfillProgress) {
		waited = true
		onProgress(now)
	})
	if waited && err == nil {
		pipeline.Sleep(ctx, 2*requestInterval) // the command that requested it sees its end before it is replaced
	}
	if err == nil && ctx.Err() != nil {
		err = errors.New("interrupted: the server goes on with another backfill, this one was not requested")
	}
	return state, err
}

// followRequest reports the progress of a request and returns when it is done.
func followRequest(ctx context.Context, r *sqlstore.Reader, id string, onProgress func(BackfillProgress)) (made BackfillProgress, err error) {
	state, err := followBackfill(ctx, r, onProgress)
	made = state.Progress
	onProgress(made)
	switch {
	case err != nil:
		return made, err
	case state.ID != id:
		return made, errors.New("another backfill was requested at the same time, request this one again")
	case !state.Done:
		return made, errors.New("the server goes on with the backfill")
	case state.Error != "":
		return made, errors.New(state.Error)
	}
	return made, nil
}

// errUnattended is the error of followBackfill if perhaps no server carries out the request.
var errUnattended = errors.New("no server carries out the request")

// followBackfill reports the progress of the stored request until it is done, or has failed and will be tried again. It returns
// errUnattended if nobody has worked on the request for too long.
func followBackfill(ctx context.Context, r *sqlstore.Reader, onProgress func(BackfillProgress)) (state backfillState, err error) {
	var beat time.Time
	for changed := time.Now(); ctx.Err() == nil; {
		state = backfillState{}
		known, err := r.BackfillPart(ctx, requestPart, &state)
		if err != nil || !known {
			return state, err
		}
		if state.Done || state.Error != "" {
			break
		}
		onProgress(state.Progress)
		if !state.Beat.Equal(beat) {
			beat, changed = state.Beat, time.Now()
		}
		if time.Since(changed) > state.patience() {
			return state, errUnattended
		}
		pipeline.Sleep(ctx, requestInterval)
	}
	return state, nil
}

// patience is for how long a request may stay as it is before it is doubted that a server carries it out.
func (s *backfillState) patience() time.Duration {
	if s.Runner == "" {
		return unclaimedAfter
	}
	return abandonedAfter
}

func saveRequest(ctx context.Context, c *config.Config, part string, s backfillState) error {
	if c.Storage.IsPostgreSQL() {
		return postgres.SaveBackfillPart(ctx, c.Storage.Database, c.Storage.Schema, part, s)
	}
	return sqlite.SaveBackfillPart(ctx, c.Storage.Database, part, s)
}
