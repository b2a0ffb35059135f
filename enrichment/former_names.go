package enrichment

import (
	"context"
	"slices"
	"strings"

	"dora-exporter/dora"
)

// ownReverts returns what a change reverts in its repository. A pull request of a repository of another name is one of the same
// repository if that had this name before, which a text that was written then still says.
func (s *shipping) ownReverts(ctx context.Context, c dora.Change) (own []string, err error) {
	renamed := false
	for _, reverted := range c.Reverts {
		if isOwn(reverted) {
			own = append(own, reverted)
			continue
		}
		name, number, _ := strings.Cut(reverted, "#")
		owner, repository, _ := strings.Cut(name, "/")
		called, err := s.c.Past.Called(ctx, owner, repository)
		if err != nil {
			return nil, err
		}
		if called {
			own, renamed = appendNew(own, "#"+number), true
		}
	}
	if renamed { // the title only tells if nothing else does
		own = slices.DeleteFunc(own, isTitle)
	}
	return own, nil
}

// isOwn reports whether a reverted title, commit or pull request is the change's repository's: only a pull request of another one is
// named with its repository, as owner/repository#12.
func isOwn(reverted string) bool {
	return isTitle(reverted) || strings.Index(reverted, "#") <= 0
}

func isTitle(reverted string) bool { return strings.HasPrefix(reverted, `"`) }
