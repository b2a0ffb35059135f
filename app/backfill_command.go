package app

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"dora-exporter/config"
	"dora-exporter/dora/pipeline"
	"dora-exporter/internal/localfile"
	"dora-exporter/persistence/postgres"
	"dora-exporter/persistence/sqlite"
	"dora-exporter/persistence/sqlstore"
)

// BackfillAnywhere has a running server make a backfill, as RequestBackfill. Without one, it makes the backfill itself, as Backfill.
func BackfillAnywhere(ctx context.Context, o Options, r BackfillRequest, onProgress func(BackfillProgress)) (made BackfillProgress, err error) {
	if o.Config.Storage.IsPostgreSQL() { // which does not tell whether a server uses it
		return RequestBackfill(ctx, o, r, onProgress)
	}
	if made, err = Backfill(ctx, o, r, onProgress); errors.Is(err, localfile.ErrLocked) {
		return RequestBackfill(ctx, o, r, onProgress)
	}
	return made, err
}

// RequestBackfill asks the running server for a backfill, and returns when it is done. If ctx ends, the server carries on. While a server or
// another command makes a backfill, RequestBackfill waits. If no server uses the store, RequestBackfill makes the backfill itself.
func RequestBackfill(ctx context.Context, o Options, r BackfillRequest, onProgress func(BackfillProgress)) (made BackfillProgress, err error) {
	wanted, saved := backfillState{ID: rand.Text(), Request: r}, false
	for {
		err = withReader(ctx, o.Config, func(reader *sqlstore.Reader) (err error) {
			if !saved {
				var isMade bool
				if made, isMade, err = requestAfterOthers(ctx, o.Config, reader, wanted, onProgress); isMade || err != nil {
					return err
				}
				saved = true
			}
			if made, err = followRequest(ctx, reader, wanted, onProgress); err == nil {
				made.Unsettled, err = unsettled(ctx, reader)
			}
			return err
		})
		var unattended *unattendedError
		var here bool
		switch {
		case errors.Is(err, errReplaced):
			saved = false // wait for the other one
			continue
		case errors.As(err, &unattended):
			made, here, err = backfillHere(ctx, o, wanted, unattended.state, saved, onProgress)
		case errors.Is(err, postgres.ErrNoTables):
			made, here, err = backfillHere(ctx, o, wanted, backfillState{}, saved, onProgress)
		default:
			return made, err
		}
		if here || err != nil {
			return made, err
		}
		pipeline.Sleep(ctx, requestInterval)
	}
}

// unsettled returns how many deliveries, look-ups and evaluations wait in the store.
func unsettled(ctx context.Context, r *sqlstore.Reader) (int, error) {
	backlog, err := r.Backlog(ctx)
	if err != nil {
		return 0, err
	}
	evaluations, err := r.WaitingEvaluations(ctx, time.Now())
	return backlog.Deliveries + backlog.LookUps + evaluations.Waiting, err
}

// requestAfterOthers requests a backfill when no other one is being made. isMade is true if the one that it has waited for read all of it.
func requestAfterOthers(ctx context.Context, c *config.Config, r *sqlstore.Reader, wanted backfillState, onProgress func(BackfillProgress)) (made BackfillProgress, isMade bool, err error) {
	other, waited, err := waitForOthers(ctx, r, onProgress)
	if err == nil && waited && other.hasMade(&wanted.Request) {
		return other.Progress, true, nil
	}
	if err == nil && other.Configured && !other.Done {
		err = saveRequest(ctx, c, configuredPart, other)
	}
	if err == nil {
		err = saveRequest(ctx, c, requestPart, wanted)
	}
	return made, false, err
}

// backfillHere makes a backfill that no server makes, unless another process uses the store, which may make it: then here is false. saved is
// true if it was requested.
func backfillHere(ctx context.Context, o Options, wanted, abandoned backfillState, saved bool, onProgress func(BackfillProgress)) (made BackfillProgress, here bool, err error) {
	if o.Config.Storage.IsPostgreSQL() {
		return backfillBeside(ctx, o, wanted, abandoned, onProgress)
	}
	made, err = Backfill(ctx, o, wanted.Request, onProgress)
	if errors.Is(err, localfile.ErrLocked) {
		return made, false, nil
	}
	if err == nil && saved {
		wanted.Done = true // the next server does not make it again
		err = saveRequest(ctx, o.Config, requestPart, wanted)
	}
	return made, true, err
}

// waitForOthers returns the stored request when it is done, or has failed and will be tried again. waited is true if it was not yet.
func waitForOthers(ctx context.Context, r *sqlstore.Reader, onProgress func(BackfillProgress)) (state backfillState, waited bool, err error) {
	state, err = followBackfill(ctx, r, func(now BackfillProgress) {
		waited = true
		onProgress(now)
	})
	if waited && err == nil {
		pipeline.Sleep(ctx, 2*requestInterval) // the command that requested it sees its end before it is replaced
	}
	if err == nil && ctx.Err() != nil {
		err = errors.New("interrupted: another backfill goes on, this one was not requested")
	}
	return state, waited, err
}

// sameSince is how much later a backfill may begin that counts as the same: "400d" means another time with each command.
const sameSince = time.Minute

// hasMade reports whether a backfill has read all that is wanted.
func (s *backfillState) hasMade(wanted *BackfillRequest) bool {
	made := &s.Request
	return s.Done && s.Error == "" && !made.Since.After(wanted.Since.Add(sameSince)) && made.Until.Equal(wanted.Until) &&
		slices.Equal(made.Repositories, wanted.Repositories) && slices.Equal(made.Sources, wanted.Sources)
}

// followRequest reports the progress of a request and returns when it is done, or another one that was made instead.
func followRequest(ctx context.Context, r *sqlstore.Reader, wanted backfillState, onProgress func(BackfillProgress)) (made BackfillProgress, err error) {
	state, err := followBackfill(ctx, r, onProgress)
	made = state.Progress
	onProgress(made)
	switch {
	case err != nil || state.ID != wanted.ID && state.hasMade(&wanted.Request):
		return made, err
	case state.ID != wanted.ID:
		return made, errReplaced
	case !state.Done:
		return made, errors.New("the server goes on with the backfill")
	case state.Error != "":
		return made, errors.New(state.Error)
	}
	return made, nil
}

// errReplaced is the error of followRequest if another request has taken the place of this one.
var errReplaced = errors.New("another backfill was requested at the same time")

// unattendedError is the error of followBackfill if perhaps no process carries out the request.
type unattendedError struct{ state backfillState }

func (*unattendedError) Error() string { return "no server carries out the request" }

// followBackfill reports the progress of the stored request until it is done, or has failed and will be tried again. It returns
// *unattendedError if nobody has worked on the request for too long.
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
			return state, &unattendedError{state}
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
