package enrichment

import (
	"errors"
	"fmt"
	"strings"

	"dora-exporter/dora"
	"dora-exporter/internal/lazyregexp"
)

// What GitHub can have as the parts of a path. Anything else comes from outside and is never asked for: whatever it is made
// into, the answer would be about something else, or would be taken for a failure of GitHub.
var (
	ownerName      = lazyregexp.New(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$`)
	repositoryName = lazyregexp.New(`^[A-Za-z0-9._-]{1,100}$`)
	pullNumber     = lazyregexp.New(`^[1-9][0-9]{0,9}$`)
	// A SHA-1 or SHA-256, or what git takes for the beginning of a SHA-1.
	commitSHA = lazyregexp.New(`^(?:[0-9A-Fa-f]{4,40}|[0-9A-Fa-f]{64})$`)
)

func isSHA(s string) bool { return commitSHA.MatchString(s) }

// unavailableReason returns why GitHub can't be asked for a commit, as the value of the label reason; empty if it can.
func (g *GitHub) unavailableReason(c dora.Commit) string {
	switch {
	case c.SHA == "":
		return dora.ReasonNoCommit
	case g.checkNames(routeCommit, c.Owner, c.Repository, c.SHA) != nil:
		return dora.ReasonInvalidName
	}
	return ""
}

// errInvalidName is in the error of a call that is not made.
var errInvalidName = errors.New("GitHub can't have such a name, it was not asked for")

// checkNames returns a *dora.NotFoundError with errInvalidName if args can't fill the placeholders of a route.
func (g *GitHub) checkNames(route string, args ...string) error {
	for segment := range strings.SplitSeq(route, "/") {
		if !strings.HasPrefix(segment, "{") {
			continue
		}
		name := args[0]
		args = args[1:]
		if !g.valid(segment, name) {
			return &dora.NotFoundError{Reason: dora.ReasonInvalidName, Err: fmt.Errorf("%s %.100q: %w", strings.Trim(segment, "{}"), name, errInvalidName)}
		}
	}
	return nil
}

func (g *GitHub) valid(placeholder, name string) bool {
	switch placeholder {
	case "{owner}":
		return ownerName.MatchString(name)
	case "{repo}":
		return repositoryName.MatchString(name) && name != "." && name != ".."
	case "{sha}":
		return g.isSHA(name)
	case "{basehead}":
		base, head, _ := strings.Cut(name, "...")
		return g.isSHA(base) && g.isSHA(head)
	case "{number}":
		return pullNumber.MatchString(name)
	}
	return false
}
