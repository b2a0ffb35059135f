package app

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"dora-exporter/dora"
	"dora-exporter/internal/localfile"
)

// saveTimeout limits how long a command that ends waits to store how its backfill has ended.
const saveTimeout = 5 * time.Second

// backfillBeside makes a backfill in a database that other processes may use, which wait until it is done. It returns false if another
// process makes a backfill, or does so instead of this one. abandoned is the request that no process carries out, as it was seen.
func backfillBeside(ctx context.Context, o Options, wanted, abandoned backfillState, onProgress func(BackfillProgress)) (made BackfillProgress, here bool, err error) {
	a, err := openParts(ctx, o)
	if errors.Is(err, localfile.ErrLocked) {
		return made, false, nil
	}
	if err != nil {
		return made, false, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	if taken, err := a.takeOn(ctx, &a.options, &wanted, abandoned); err != nil || !taken {
		return made, false, err
	}
	var lost atomic.Bool
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &runningBackfill{parts: &a.parts, logger: o.Logger, state: wanted, stop: func() {
		lost.Store(true)
		cancel()
	}}
	stopBeat := runInBackground(ctx, func(ctx context.Context) { r.beat(ctx, beatInterval) })
	defer stopBeat()
	show := func(now BackfillProgress) {
		onProgress(now)
		r.reach(ctx, now)
	}
	made, err = a.backfill(ctx, wanted.Request, show, r.follow)
	stopBeat()
	_ = withTimeout(context.WithoutCancel(ctx), saveTimeout, func(ctx context.Context) error {
		r.save(ctx, func(s *backfillState) { s.end(made, err) })
		return nil
	})
	if lost.Load() {
		return made, false, nil
	}
	return made, true, err
}

// end notes that a backfill is done, or why it has failed.
func (s *backfillState) end(made BackfillProgress, err error) {
	s.Progress, s.Done, s.Error = made, true, ""
	if err != nil {
		s.Error = err.Error()
	}
}

// takeOn makes this process the one that carries out a request, unless another one carries out this or another request, or has done it.
// abandoned does not count, whatever the store's clock says, which stands still without a server. What backfill.since asks for is made
// afterwards.
func (p *parts) takeOn(ctx context.Context, o *Options, wanted *backfillState, abandoned backfillState) (taken bool, err error) {
	err = p.store.Update(ctx, func(tx dora.Tx) error {
		taken = false
		var stored backfillState
		known, err := tx.Backfill().Part(requestPart, &stored)
		if err != nil {
			return err
		}
		isAbandoned := stored.ID == abandoned.ID && stored.Runner == abandoned.Runner && stored.Beat.Equal(abandoned.Beat)
		if known && (p.isMadeElsewhere(o, &stored) && !isAbandoned || stored.Done && stored.ID == wanted.ID) {
			return nil
		}
		if stored.Configured && !stored.Done {
			if err := tx.Backfill().SavePart(configuredPart, stored); err != nil {
				return err
			}
		}
		taken, wanted.Runner, wanted.Beat = true, p.runner, p.clock.Now()
		return tx.Backfill().SavePart(requestPart, *wanted)
	})
	return taken, err
}
