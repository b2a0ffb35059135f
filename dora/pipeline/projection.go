package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/rules"
)

// factBatch bounds how many facts are read and recorded at once.
const factBatch = 1000

// Projection adds the facts to the instruments, in their order, and alone writes the checkpoint.
type Projection struct {
	Store      ProjectionStore
	Recorder   dora.Recorder
	Checkpoint dora.Checkpoint
	Rules      *rules.Rules
	Logger     *slog.Logger
	// Every is the time between two checkpoints when something changed.
	Every time.Duration
	// OnCheckpoint is called after each attempt to write the checkpoint.
	OnCheckpoint func(error)

	// position is that of the newest recorded fact, written that of the newest one in the checkpoint.
	position, written int64
	reading, writing  health
}

// Restore brings the instruments to where the facts are: the checkpoint's values and all facts after its position. All
// series that are there have their place under the limit then. Before the instruments are restored it writes a checkpoint,
// which shows that the file can be replaced: nobody is told that the program is ready when it is not going to start.
func (p *Projection) Restore(ctx context.Context) error {
	state, position, err := p.Checkpoint.Restore(ctx)
	if err != nil {
		return err
	}
	from := position
	if position, err = p.replay(ctx, state, position); err != nil {
		return err
	}
	if err := p.Rules.ReserveLabelSets(ctx, p.Store, state); err != nil {
		return err
	}
	p.position = position
	if err := p.write(ctx, state); err != nil {
		return err
	}
	p.Recorder.Restore(state)
	p.Logger.Info("values restored", "checkpoint_position", from, "position", position)
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

// Position is that of the newest fact that has been restored. It is called before Run.
func (p *Projection) Position() int64 { return p.position }

// Since is what the restored facts after a position add up to. It is called before anybody makes new ones.
func (p *Projection) Since(ctx context.Context, position int64) (dora.State, error) {
	state := dora.State{}
	_, err := p.replay(ctx, state, position)
	return state, err
}

// Run records new facts and writes checkpoints until ctx ends.
func (p *Projection) Run(ctx context.Context) {
	ticker := time.NewTicker(p.Every)
	defer ticker.Stop()
	for ctx.Err() == nil {
		revision := p.Store.Revision()
		if err := p.catchUp(ctx); ctx.Err() == nil {
			p.reading.set(p.Logger, "read the facts", err)
		}
		changed, stop := changedAfter(ctx, p.Store, revision)
		select {
		case <-ctx.Done():
		case <-changed:
			sleep(ctx, gatherTime)
		case <-ticker.C:
			if p.position != p.written {
				_ = p.write(ctx, p.Recorder.State()) // noted in p.writing, and tried again at the next tick
			}
		}
		stop()
	}
}

// Finish records the facts that are left and writes the last checkpoint. It is called after Run has returned.
func (p *Projection) Finish(ctx context.Context) error {
	if err := p.catchUp(ctx); err != nil {
		return err
	}
	return p.write(ctx, p.Recorder.State())
}

// Err is why the instruments or the checkpoint fall behind the facts; nil when they don't.
func (p *Projection) Err() error {
	return errors.Join(p.reading.err(), p.writing.err())
}

func (p *Projection) catchUp(ctx context.Context) error {
	for {
		facts, err := p.Store.Facts(ctx, p.position, factBatch)
		if err != nil || len(facts) == 0 {
			return err
		}
		if err := p.Recorder.Record(facts); err != nil {
			return err
		}
		p.position = facts[len(facts)-1].Position
	}
}

// write writes a checkpoint with the state at the position that has been reached.
func (p *Projection) write(ctx context.Context, s dora.State) error {
	err := p.Checkpoint.Write(ctx, s, p.position)
	p.OnCheckpoint(err)
	p.writing.set(p.Logger, "write the checkpoint", err)
	if err == nil {
		p.written = p.position
	}
	return err
}
