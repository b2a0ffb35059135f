package history

import (
	"context"
	"errors"
	"slices"
)

// Servers reads the histories of several servers of GitHub, one after another, as one Backfill.
type Servers []*Backfill

// Plan returns what a Run would read at most, without reading it.
func (s Servers) Plan(ctx context.Context) (all Progress, err error) {
	return s.each(ctx, func(b *Backfill) (Progress, error) { return b.Plan(ctx) })
}

// Run reads everything, as Backfill.Run.
func (s Servers) Run(ctx context.Context) (Progress, error) {
	for i, b := range s {
		show := b.OnProgress
		if show == nil {
			show = func(Progress) {}
		}
		b.OnProgress = func(now Progress) { show(s.with(i, now)) }
	}
	_, planned := s.Plan(ctx)
	reached, err := s.each(ctx, func(b *Backfill) (Progress, error) { return b.read(ctx) })
	return reached, errors.Join(planned, err)
}

// each calls do for each server and returns the progress of all. An error of one does not keep it from the others.
func (s Servers) each(ctx context.Context, do func(*Backfill) (Progress, error)) (all Progress, err error) {
	var failed []error
	for _, b := range s {
		if ctx.Err() != nil {
			failed = []error{ctx.Err()}
			break
		}
		_, err := do(b)
		failed = append(failed, err)
	}
	return s.with(-1, Progress{}), errors.Join(failed...)
}

// with returns the progress of all servers, with now as that of the server with an index.
func (s Servers) with(index int, now Progress) (all Progress) {
	for i, b := range s {
		p := now
		if i != index {
			p = b.reached()
		}
		all.Repositories, all.Done, all.CallsLeft = all.Repositories+p.Repositories, all.Done+p.Done, all.CallsLeft+p.CallsLeft
		all.Deployments, all.Issues, all.Deliveries = all.Deployments+p.Deployments, all.Issues+p.Issues, all.Deliveries+p.Deliveries
		all.Add(p.Spent)
		all.Failed = slices.Concat(all.Failed, p.Failed)
	}
	return all
}

// reached returns the progress of a backfill so far.
func (b *Backfill) reached() Progress {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.progress
}
