package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/rules"
)

// factBatch bounds how many facts are read and recorded at once.
const factBatch = 1000

// maxUnwritten is the number of new facts after which a checkpoint is written at once. A start after a kill reads the facts after the sums in the
// store, which the checkpoint keeps up to date.
const maxUnwritten = 20_000

// Projection adds the facts to the instruments, in their order. Nothing else writes the checkpoint.
type Projection struct {
	Store      ProjectionStore
	Recorder   dora.Recorder
	Checkpoint dora.Checkpoint
	Rules      *rules.Rules
	Logger     *slog.Logger
	// Every is the time between two checkpoints while there are new facts, unless these are very many.
	Every time.Duration
	// OnCheckpoint is called after each attempt to write the checkpoint.
	OnCheckpoint func(error)

	// history has the series of History, which the instruments don't have.
	history dora.State
	// position is the position of the newest recorded fact, written that of the newest fact in the checkpoint. recorded is position for
	// other goroutines.
	position, written int64
	recorded          recordedPosition
	// stored is the position of the newest stored fact that a call of WaitCurrent has found.
	stored           atomic.Int64
	reading, writing Health
}

// Restore sets the instruments to the restored values plus all facts after their position, and reserves all series under the limit.
// It writes a checkpoint before it restores the instruments: if the file can't be replaced, the start fails before the program
// reports that it is ready.
func (p *Projection) Restore(ctx context.Context) error {
	state, position, err := p.Checkpoint.Restore(ctx)
	if err != nil {
		return err
	}
	from := position
	if position, err = p.replay(ctx, state, position); err != nil {
		return err
	}
	p.history = state.CutHistory()
	if err := p.Rules.ReserveLabelSets(ctx, p.Store, state); err != nil {
		return err
	}
	p.position = position
	if err := p.write(ctx, state); err != nil {
		return err
	}
	if err := p.begin(ctx, -1); err != nil {
		return err
	}
	p.Recorder.Restore(state)
	p.recorded.set(position)
	p.Logger.Info("values restored", "sums_position", from, "position", position)
	return nil
}

// replay adds the facts after a position to a state, and returns the position of the last one.
func (p *Projection) replay(ctx context.Context, state dora.State, position int64) (int64, error) {
	families := dora.FamiliesByName()
	for {
		facts, err := p.Store.Facts(ctx, position, factBatch)
		if err == nil {
			err = state.Add(families, facts...)
		}
		if err != nil {
			return position, fmt.Errorf("replay the facts after position %d: %w", position, err)
		}
		if len(facts) == 0 {
			return position, nil
		}
		position = facts[len(facts)-1].Position
	}
}

// Run records new facts and writes checkpoints until ctx ends.
func (p *Projection) Run(ctx context.Context) {
	ticker := time.NewTicker(p.Every)
	defer ticker.Stop()
	for ctx.Err() == nil {
		revision, wanted := p.Store.Revision(), p.recorded.whenWanted()
		if err := p.catchUp(ctx); ctx.Err() == nil {
			p.reading.Set(p.Logger, "reading facts", err)
		}
		if p.position-p.written >= maxUnwritten && p.writing.err() == nil && ctx.Err() == nil {
			_ = p.write(ctx, p.Recorder.State()) // p.writing has the error
			ticker.Reset(p.Every)
		}
		changed, stop := changedAfter(ctx, p.Store, revision)
		select {
		case <-ctx.Done():
		case <-wanted:
		case <-changed:
			select { // gather further changes, unless somebody waits for these
			case <-wanted:
			case <-time.After(gatherTime):
			}
		case <-ticker.C:
			if p.position != p.written {
				_ = p.write(ctx, p.Recorder.State()) // p.writing has the error; the next tick retries
			}
		}
		stop()
	}
}

// WaitCurrent returns nil when all facts that were committed before the call are recorded, whichever server stored them. If ctx ends
// before, or the store can't be read, it returns the error. Run must be running.
func (p *Projection) WaitCurrent(ctx context.Context) error {
	last, err := p.Store.LastPosition(ctx)
	if err != nil {
		return err
	}
	p.stored.Store(last)
	return p.recorded.wait(ctx, last)
}

// Position returns the position of the newest recorded fact.
func (p *Projection) Position() int64 { return p.recorded.get() }

// Lag returns how many facts were not recorded when WaitCurrent last returned.
func (p *Projection) Lag() int64 { return max(0, p.stored.Load()-p.recorded.get()) }

// Finish records the remaining facts and writes the last checkpoint. It must be called after Run has returned.
func (p *Projection) Finish(ctx context.Context) error {
	if err := p.catchUp(ctx); err != nil {
		return err
	}
	return p.write(ctx, p.Recorder.State())
}

// Err returns why the instruments or the checkpoint fall behind the facts; nil if they don't.
func (p *Projection) Err() error {
	return errors.Join(p.reading.err(), p.writing.err())
}

// catchUp records the facts that are not recorded yet.
func (p *Projection) catchUp(ctx context.Context) error {
	for {
		facts, err := p.Store.Facts(ctx, p.position, factBatch)
		if err != nil || len(facts) == 0 {
			return err
		}
		if err := p.begin(ctx, p.position); err != nil {
			return err
		}
		last := facts[len(facts)-1].Position
		if facts, err = p.cutHistory(facts); err != nil {
			return err
		}
		if err := p.Recorder.Record(facts); err != nil {
			return err
		}
		p.position = last
		p.recorded.set(p.position)
	}
}

// begin begins the series that facts after a position start, but for those of History. There may be many: they are not collected.
func (p *Projection) begin(ctx context.Context, after int64) error {
	return p.Store.SeriesStarts(ctx, after, func(s dora.SeriesStart) {
		if !s.Labels.InHistory() {
			p.Recorder.Begin([]dora.SeriesStart{s})
		}
	})
}

// cutHistory adds the facts of History to its series and returns the others.
func (p *Projection) cutHistory(facts []dora.Fact) (live []dora.Fact, err error) {
	if !slices.ContainsFunc(facts, func(f dora.Fact) bool { return f.Labels.InHistory() }) {
		return facts, nil
	}
	families := dora.FamiliesByName()
	for _, f := range facts {
		if !f.Labels.InHistory() {
			live = append(live, f)
		} else if err := p.history.Add(families, f); err != nil {
			return nil, err
		}
	}
	return live, nil
}

// write writes a checkpoint with the published series at the current position, and those of History.
func (p *Projection) write(ctx context.Context, s dora.State) error {
	err := p.Checkpoint.Write(ctx, s, p.history, p.position)
	p.OnCheckpoint(err)
	p.writing.Set(p.Logger, "writing the checkpoint", err)
	if err == nil {
		p.written = p.position
	}
	return err
}
