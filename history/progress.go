package history

import (
	"fmt"
	"io"
	"slices"
)

// Progress is how far a backfill is.
type Progress struct {
	// Done of Repositories were read. CallsLeft is about how many calls the others take: those for their pages.
	Repositories, Done, CallsLeft int
	// Deployments and Issues were read, Deliveries are new of them.
	Deployments, Issues, Deliveries int
	Spent
	// Unsettled is how many deliveries, look-ups and evaluations wait when all was read, those of webhooks too.
	Unsettled int `json:",omitempty"`
	// Failed are the owners (owner/*), repositories (owner/name), deployments (owner/name#id) and issues that could not be read. Names begin with
	// the host of their server, such as github.com/owner/name, if there are several.
	Failed []string
}

// Write writes the progress at the end of a backfill as text.
func (p Progress) Write(out io.Writer) error {
	_, err := fmt.Fprintf(out, "repositories: %d of %d\ndeployments: %d\nincidents: %d\nnew events: %d\nGitHub: %d calls, %d points\n",
		p.Done, p.Repositories, p.Deployments, p.Issues, p.Deliveries, p.Calls, p.Points)
	if p.Unsettled > 0 {
		_, _ = fmt.Fprintf(out, "still to be evaluated by the server: %d\n", p.Unsettled)
	}
	for _, name := range p.Failed {
		_, _ = fmt.Fprintf(out, "not read: %s\n", name)
	}
	return err
}

// count changes the progress and reports it.
func (b *Backfill) count(change func(*Progress)) {
	b.mu.Lock()
	change(&b.progress)
	b.progress.Spent = b.spent
	now := b.progress
	b.mu.Unlock()
	b.OnProgress(now)
}

// spentOn returns what was spent on a part so far.
func (b *Backfill) spentOn(p *part) Spent {
	p.Calls += b.spent.Calls - b.before.Calls
	p.Points += b.spent.Points - b.before.Points
	b.before = b.spent
	return p.Spent
}

// skip notes that a part of a repository can't be read.
func (b *Backfill) skip(name string) {
	if slices.Contains(b.skipped, name) {
		return
	}
	b.skipped = append(b.skipped, name)
	b.count(func(p *Progress) { p.Failed = append(p.Failed, name) })
}

// finish notes that a target was read, or can't be.
func (b *Backfill) finish(t target, failed bool) {
	b.count(func(p *Progress) {
		p.Done++
		p.CallsLeft -= t.Calls
		if failed {
			p.Failed = append(p.Failed, t.Name)
		}
	})
}
