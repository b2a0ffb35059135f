package enrichment

import (
	"errors"
	"fmt"
	"strings"

	"dora-exporter/dora"
)

// What GitHub can have as the parts of a path. Anything else comes from outside and is never asked for: whatever it is made
// into, the answer would be about something else, or would be taken for a failure of GitHub.
// Each call checks several, so these are no regular expressions, which take ten times as long.

func isOwnerName(s string) bool { return isRepositoryName(s) && s[0] != '.' }

func isRepositoryName(s string) bool {
	return len(s) >= 1 && len(s) <= 100 && consistsOf(s, func(c byte) bool {
		return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || isDigit(c) || c == '.' || c == '_' || c == '-'
	})
}

func isPullNumber(s string) bool {
	return len(s) >= 1 && len(s) <= 10 && s[0] != '0' && consistsOf(s, isDigit)
}

// isSHA reports whether a string is a SHA-1 or SHA-256, or what git takes for the beginning of a SHA-1.
func isSHA(s string) bool {
	return (len(s) >= 4 && len(s) <= 40 || len(s) == 64) && consistsOf(s, func(c byte) bool {
		return isDigit(c) || c >= 'A' && c <= 'F' || c >= 'a' && c <= 'f'
	})
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// consistsOf reports whether all bytes of a string are allowed.
func consistsOf(s string, allowed func(byte) bool) bool {
	for i := range len(s) {
		if !allowed(s[i]) {
			return false
		}
	}
	return true
}

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
		return isOwnerName(name)
	case "{repo}":
		return isRepositoryName(name) && name != "." && name != ".."
	case "{sha}":
		return g.isSHA(name)
	case "{basehead}":
		base, head, _ := strings.Cut(name, "...")
		return g.isSHA(base) && g.isSHA(head)
	case "{number}":
		return isPullNumber(name)
	}
	return false
}
