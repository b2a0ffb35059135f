package history

import (
	"fmt"
	"slices"
	"strings"

	"dora-exporter/dora"
)

// UnreadError is the error of a backfill that could not read all that was named.
type UnreadError struct {
	// Names are owner/name, or owner/* for all of an owner, with the host before them as in Progress.Failed.
	Names []string
}

func (e *UnreadError) Error() string {
	return fmt.Sprintf("not all that was named could be read: %s. Correct the name after -repo or under teams, or give the credential access, and repeat the backfill", strings.Join(e.Names, ", "))
}

// Unread returns an *UnreadError if an owner, or a repository that is named (owner/name, perhaps with host/ before it), could not be read; else
// nil. Other repositories of an owner or of Backstage that could not be read are no error: they are in Failed.
func (p Progress) Unread(named []string) error {
	var names []string
	for _, name := range p.Failed {
		isNamed := strings.HasSuffix(name, "/*") || slices.ContainsFunc(named, func(named string) bool { return isNamed(named, name) })
		if isNamed && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return &UnreadError{names}
}

// isNamed reports whether a name of a request is that of a repository. Each of them may begin with a host.
func isNamed(named, repository string) bool {
	named, repository = strings.ToLower(named), strings.ToLower(repository)
	if strings.Count(named, "/") == strings.Count(repository, "/") {
		return dora.GitHubHost(named) == dora.GitHubHost(repository)
	}
	return strings.HasSuffix(named, "/"+repository) || strings.HasSuffix(repository, "/"+named)
}
