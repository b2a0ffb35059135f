package enrichment

import (
	"context"
	"time"
)

// pass is the leave to make one call. Its outcome must be reported.
type pass struct {
	repository string
	closings   int
	probe      bool
}

// waiter is somebody who wants to make a call about a repository.
type waiter struct{ repository string }

// wait returns when a call about a repository may be made, or with ctx's error when ctx ends. It returns an error at once
// when GitHub refuses the repository: who waited for that would be in the way of others.
func (g *gate) wait(ctx context.Context, repository string) (pass, error) {
	w := &waiter{repository}
	defer g.leave(w)
	for {
		if err := ctx.Err(); err != nil {
			return pass{}, err
		}
		p, changed, left, err := g.try(w)
		if changed == nil {
			return p, err
		}
		var due <-chan time.Time
		if left > 0 {
			due = time.After(left)
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-due:
		}
	}
}

// try returns a pass or an error; or a channel to wait for and, when the next probe is not under way yet, the time until it
// is due.
func (g *gate) try(w *waiter) (p pass, changed <-chan struct{}, left time.Duration, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p = pass{repository: w.repository, closings: g.closings}
	if g.shut == "" {
		return p, nil, 0, g.forbidden.try(w.repository)
	}
	g.waiting[w] = struct{}{}
	if g.forbidden.has(w.repository) {
		if g.standIn == nil {
			g.standIn = w
		}
		if g.standIn != w {
			return p, nil, 0, &forbiddenError{w.repository, g.until}
		}
	}
	if g.probing {
		return p, g.changed, 0, nil
	}
	if left := time.Until(g.until); left > 0 {
		return p, g.changed, left, nil
	}
	if g.standIn == w && len(g.waiting) > 1 {
		return p, g.changed, 0, nil
	}
	g.probing = true
	p.probe = true
	return p, nil, 0, nil
}

// leave notes that w waits no more, which may make the stand-in the next one.
func (g *gate) leave(w *waiter) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.waiting, w)
	if g.standIn == w {
		g.standIn = nil
	}
	if g.shut != "" {
		g.wake()
	}
}

// wake makes those who wait look again.
func (g *gate) wake() {
	close(g.changed)
	g.changed = make(chan struct{})
}
