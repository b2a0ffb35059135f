package app

import (
	"context"
	"errors"
	"time"

	"dora-exporter/config"
	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/history"
	"dora-exporter/persistence/postgres"
	"dora-exporter/persistence/sqlite"
	"dora-exporter/persistence/sqlstore"
)

// requestPart is the name of the part of backfill_parts that has the newest request.
const requestPart = "request"

const (
	// requestInterval is the time between two looks for a request, and between two reports of the progress.
	requestInterval = time.Second
	// abandonedAfter is how long a server that carries out a request may be silent before another one takes over.
	abandonedAfter = time.Minute
)

// backfillState is a request for a backfill that a server carries out, and how far it is.
type backfillState struct {
	Request  history.Request  `json:"request"`
	Progress history.Progress `json:"progress"`
	// Configured is true for the request of backfill.since, whose error nobody waits for.
	Configured bool `json:"configured,omitempty"`
	// Runner is the server that carries it out, Beat its last sign of life by the store's clock.
	Runner string    `json:"runner,omitempty"`
	Beat   time.Time `json:"beat,omitzero"`
	Done   bool      `json:"done,omitempty"`
	Error  string    `json:"error,omitempty"`
}

// runBackfills carries out requested backfills until ctx ends. One that was interrupted goes on.
func (p *parts) runBackfills(ctx context.Context, o *Options) {
	for failures := 0; ctx.Err() == nil; {
		state, found, err := p.claimBackfill(ctx, o)
		switch {
		case err != nil && ctx.Err() == nil:
			o.Logger.Error("looking for a requested backfill failed, will retry", "error", err)
		case found && p.runBackfill(ctx, o, state):
			failures = 0
		case found:
			failures++
			pipeline.Sleep(ctx, dora.Backoff(failures))
		}
		pipeline.Sleep(ctx, requestInterval)
	}
}

// claimBackfill takes on the request that is there, if it is not done and no other server works on it. Without one, the first start
// requests what backfill.since asks for.
func (p *parts) claimBackfill(ctx context.Context, o *Options) (state backfillState, found bool, err error) {
	known, err := p.store.BackfillPart(ctx, requestPart, &state)
	if err != nil || known && state.Done || !known && o.Config.Backfill.Since.IsZero() {
		return state, false, err
	}
	err = p.store.Update(ctx, func(tx dora.Tx) error {
		found, state = false, backfillState{}
		known, err := tx.Backfill().Part(requestPart, &state)
		others := o.Config.Storage.IsPostgreSQL() && state.Runner != "" && state.Runner != p.runner && p.clock.Now().Sub(state.Beat) < abandonedAfter
		if err != nil || known && (state.Done || others) {
			return err
		}
		if !known {
			state.Request.Since, state.Configured = o.Config.Backfill.Since, true
		}
		found, state.Runner, state.Beat = true, p.runner, p.clock.Now()
		return tx.Backfill().SavePart(requestPart, state)
	})
	return state, found, err
}

// runBackfill carries out a request. It returns false if that is to be tried again.
func (p *parts) runBackfill(ctx context.Context, o *Options, state backfillState) (done bool) {
	o.Logger.Info("backfill begins", "since", state.Request.Since)
	var saved time.Time
	save := func(s backfillState) {
		s.Beat = p.clock.Now()
		if err := p.store.Update(ctx, func(tx dora.Tx) error { return tx.Backfill().SavePart(requestPart, s) }); err != nil && ctx.Err() == nil {
			o.Logger.Error("storing the progress of the backfill failed", "error", err)
		}
		saved = time.Now()
	}
	b, err := p.newBackfill(ctx, o, state.Request, func(now history.Progress) {
		if state.Progress = now; time.Since(saved) > requestInterval {
			save(state)
		}
	})
	if err != nil && state.Configured && ctx.Err() == nil {
		o.Logger.Error("what backfill.since is to read can't be listed, will retry", "error", err)
		return false
	}
	if err == nil {
		state.Progress, err = b.Run(ctx)
	}
	if ctx.Err() != nil {
		return false // the next start goes on
	}
	if state.Done = true; err != nil {
		state.Error = err.Error()
		o.Logger.Error("backfill failed, request it again later", "error", err)
	} else {
		o.Logger.Info("backfill done", "deployments", state.Progress.Deployments, "incidents", state.Progress.Issues,
			"new_deliveries", state.Progress.Deliveries, "calls", state.Progress.Calls, "points", state.Progress.Points)
	}
	save(state)
	return true
}

// RequestBackfill asks the running server for a backfill, and returns when it is done. It goes on without the caller.
func RequestBackfill(ctx context.Context, c *config.Config, r BackfillRequest, onProgress func(BackfillProgress)) (made BackfillProgress, err error) {
	if err := saveRequest(ctx, c, backfillState{Request: r}); err != nil {
		return made, err
	}
	err = withReader(ctx, c, func(reader *sqlstore.Reader) error {
		for ctx.Err() == nil {
			var state backfillState
			if _, err := reader.BackfillPart(ctx, requestPart, &state); err != nil {
				return err
			}
			made = state.Progress
			onProgress(made)
			if state.Done && state.Error != "" {
				return errors.New(state.Error)
			}
			if state.Done {
				return nil
			}
			pipeline.Sleep(ctx, requestInterval)
		}
		return errors.New("the server goes on with the backfill")
	})
	return made, err
}

func saveRequest(ctx context.Context, c *config.Config, s backfillState) error {
	if c.Storage.IsPostgreSQL() {
		return postgres.SaveBackfillPart(ctx, c.Storage.Database, c.Storage.Schema, requestPart, s)
	}
	return sqlite.SaveBackfillPart(ctx, c.Storage.Database, requestPart, s)
}
