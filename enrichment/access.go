package enrichment

import (
	"context"
	"strings"
	"time"
)

// routeRepository tells whether the token may see a repository: GitHub answers 404 for all that is in a repository that it may not.
const routeRepository = "/repos/{owner}/{repo}"

// checkAccess returns an error if the token may not see a repository, or if that can't be determined. It makes a call unless another
// one has been answered for the repository within accessCached. Callers that ask at the same time share one call.
func (l *lookUp) checkAccess(ctx context.Context, owner, name string) error {
	repository := repositoryKey(owner, name)
	if l.gate.isAccessible(repository) {
		return nil
	}
	if l.answers.HasTurn() { // the call of another one may wait for its turn to end
		return l.askRepository(ctx, owner, name)
	}
	_, err, _ := l.access.Do(repository, func() (any, error) {
		return nil, l.askRepository(ctx, owner, name)
	})
	return err
}

func (l *lookUp) askRepository(ctx context.Context, owner, name string) error {
	var found describedRepository
	_, o, err := l.call(ctx, &found, "", routeRepository, owner, name)
	if o.kind == hidden {
		return l.gate.inaccessibleError(repositoryKey(owner, name), o.err)
	}
	return err
}

// describedRepository is the answer to routeRepository, of which only the status matters.
type describedRepository struct{}

func (*describedRepository) check() error { return nil }
func (*describedRepository) size() int    { return 0 }

// repositoryKey returns the name of a repository for the gate.
func repositoryKey(owner, name string) string { return strings.ToLower(owner + "/" + name) }

// isHidden reports whether GitHub answered 404 for a repository itself.
func (g *gate) isHidden(repository string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	b := g.inaccessible[repository]
	return b != nil && b.hidden()
}

// isAccessible reports whether a call for a repository was answered a short time ago.
func (g *gate) isAccessible(repository string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	at, known := g.accessible[repository]
	return known && time.Since(at) < accessCached
}

// inaccessibleError returns the error of a call for a repository that is known to be inaccessible, else err.
func (g *gate) inaccessibleError(repository string, err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	b := g.inaccessible[repository]
	if b == nil || !b.certain() {
		return err
	}
	return g.inaccessible.errorUntil(repository, b.until)
}

// grant records that GitHub answered a call with what is in a repository.
func (g *gate) grant(repository, route string) {
	if len(g.accessible) > maxBroken {
		clear(g.accessible)
	}
	g.accessible[repository] = time.Now()
	g.inaccessible.remove(g.logger, repository, route)
	g.onInaccessible(g.inaccessible.count())
}

// expectInaccessible records repositories that were inaccessible before the start. They are probed at once.
func (g *gate) expectInaccessible(repositories []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, repository := range repositories {
		if g.inaccessible[repository] == nil {
			g.inaccessible[repository] = &inaccessible{route: routeRepository}
		}
		g.onInaccessible(g.inaccessible.count())
	}
}

// hide records that GitHub answered 404 for a repository itself.
func (g *gate) hide(p pass, err error) {
	delete(g.accessible, p.repository)
	g.inaccessible.add(p.repository, routeRepository, p.accessProbe, err)
	g.inaccessible.logOnce(g.logger, p.repository, err)
	g.onInaccessible(g.inaccessible.count())
}
