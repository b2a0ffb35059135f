package enrichment

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"dora-exporter/dora"
)

// Routes of the GitHub API. https://docs.github.com/en/rest
const (
	routeCommit      = "/repos/{owner}/{repo}/commits/{sha}"
	routeCommitPulls = "/repos/{owner}/{repo}/commits/{sha}/pulls"
	routePull        = "/repos/{owner}/{repo}/pulls/{number}"
	routePullCommits = "/repos/{owner}/{repo}/pulls/{number}/commits"
)

// Origin finds out when the work on a commit began: the earliest author date among the commits of the pull request that
// brought it, or its own author date when there is none. A *dora.NotFoundError says that GitHub does not have the commit,
// an Origin with Unavailable set that there will never be a date; any other error is temporary. It waits while calls
// are paused, and returns ctx's error as soon as ctx ends. Callers that ask for the same commit share one look-up.
func (g *GitHub) Origin(ctx context.Context, c dora.Commit) (dora.Origin, error) {
	if reason := unusable(c); reason != "" {
		return dora.Origin{Unavailable: reason}, nil
	}
	return g.flights.do(ctx, c, g.lookUp)
}

// longestName is more than GitHub allows for any name, in bytes.
const longestName = 255

// unusable is the reason why no path can be made of a commit, empty when one can. The names come from outside; all but
// these become one harmless segment when they are escaped. A server refuses paths that are very long or have control
// characters, with an answer that would be taken for a failure of the server and hold all calls up.
func unusable(c dora.Commit) string {
	if c.SHA == "" {
		return dora.ReasonNoCommit
	}
	for _, name := range []string{c.Owner, c.Repository, c.SHA} {
		if name == "" || name == "." || name == ".." || len(name) > longestName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
			return dora.ReasonInvalidName
		}
	}
	return ""
}

func (g *GitHub) lookUp(ctx context.Context, c dora.Commit) (dora.Origin, error) {
	number, err := g.pullOfCommit(ctx, c)
	if err != nil {
		return dora.Origin{}, fmt.Errorf("pull requests of commit %s: %w", c.Key(), err)
	}
	if number != 0 {
		origin, err := g.originOfPull(ctx, c, number)
		if err != nil || !origin.FirstCommit.IsZero() {
			return origin, err
		}
	}
	var found commit
	// One file of the commit's is enough: per_page is about them.
	if _, err := g.get(ctx, &found, "?per_page=1", routeCommit, c.Owner, c.Repository, c.SHA); err != nil {
		return dora.Origin{}, fmt.Errorf("commit %s: %w", c.Key(), notFound(err))
	}
	g.logger.DebugContext(ctx, "", "repo", c.Repository, "commit_info", c.SHA)
	if number == 0 {
		origin, err := g.originOfReference(ctx, c, found.Commit.Message)
		if err != nil || !origin.FirstCommit.IsZero() {
			return origin, err
		}
	}
	if found.authorDate().IsZero() {
		return dora.Origin{Unavailable: dora.ReasonNoDate}, nil
	}
	g.logger.DebugContext(ctx, "", "repo", c.Repository, "sha", c.SHA, "date", "current_commit")
	return dora.Origin{FirstCommit: found.authorDate()}, nil
}

// originOfReference is the origin by the merged pull request that the commit's message names; its zero value when the
// message names none.
func (g *GitHub) originOfReference(ctx context.Context, c dora.Commit, message string) (dora.Origin, error) {
	number, err := g.mergedReference(ctx, c, message)
	if err != nil {
		return dora.Origin{}, fmt.Errorf("pull request %d, named by commit %s: %w", number, c.Key(), err)
	}
	if number == 0 {
		g.logger.DebugContext(ctx, "", "pull_request_reference", "not_found")
		return dora.Origin{}, nil
	}
	return g.originOfPull(ctx, c, number)
}

func (g *GitHub) mergedReference(ctx context.Context, c dora.Commit, message string) (int, error) {
	number := reference(message)
	if number == 0 {
		return 0, nil
	}
	var named pull
	_, err := g.get(ctx, &named, "", routePull, c.Owner, c.Repository, strconv.Itoa(number))
	var s *statusError
	switch {
	case errors.As(err, &s) && s.status == http.StatusNotFound:
		return 0, nil // an issue, or a pull request of another repository
	case err != nil:
		return number, notFound(err)
	case !named.merged():
		return 0, nil
	}
	return number, nil
}

// originOfPull is the origin by the commits of a pull request; its zero value when none of them has a date.
func (g *GitHub) originOfPull(ctx context.Context, c dora.Commit, number int) (dora.Origin, error) {
	g.logger.DebugContext(ctx, "", "pull_request_reference", "found", "PR", number)
	first, err := g.firstCommit(ctx, c, number)
	if err != nil {
		return dora.Origin{}, fmt.Errorf("commits of pull request %d, for commit %s: %w", number, c.Key(), err)
	}
	if first.IsZero() {
		return dora.Origin{}, nil
	}
	g.logger.DebugContext(ctx, "", "repo", c.Repository, "sha", c.SHA, "PR", number, "date", "pr_first_commit")
	return dora.Origin{FirstCommit: first, PullRequest: number}, nil
}

// firstCommit is the earliest author date of a pull request's commits, of which GitHub lists at most 250.
func (g *GitHub) firstCommit(ctx context.Context, c dora.Commit, number int) (first time.Time, err error) {
	for at := 1; at != 0; {
		var listed commits
		p, err := g.get(ctx, &listed, pageQuery(at), routePullCommits, c.Owner, c.Repository, strconv.Itoa(number))
		if err != nil {
			return time.Time{}, notFound(err)
		}
		for _, one := range listed {
			if date := one.authorDate(); !date.IsZero() && (first.IsZero() || date.Before(first)) {
				first = date
			}
		}
		at = p.after(at)
	}
	return first, nil
}

// pageQuery asks for a page as large as can be.
func pageQuery(number int) string {
	if number == 1 {
		return fmt.Sprintf("?per_page=%d", pageSize)
	}
	return fmt.Sprintf("?per_page=%d&page=%d", pageSize, number)
}
