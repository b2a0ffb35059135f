package enrichment

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"dora-exporter/dora"
	"dora-exporter/internal/bounds"
)

// Routes of the GitHub API. https://docs.github.com/en/rest
const (
	routeCommit      = "/repos/{owner}/{repo}/commits/{sha}"
	routeCommitPulls = "/repos/{owner}/{repo}/commits/{sha}/pulls"
	routePull        = "/repos/{owner}/{repo}/pulls/{number}"
	routePullCommits = "/repos/{owner}/{repo}/pulls/{number}/commits"
	routePullFiles   = "/repos/{owner}/{repo}/pulls/{number}/files"
	routeCompare     = "/repos/{owner}/{repo}/compare/{basehead}"
)

// Origin finds out when the work on a commit began: the earliest author date among the commits of the pull request that
// brought it, or its own author date when there is none. A *dora.NotFoundError says that GitHub does not have the commit,
// an Origin with Unavailable set that there will never be a date; any other error is temporary. It waits while calls
// are paused, and returns ctx's error as soon as ctx ends. Callers that ask for the same commit share one look-up.
func (g *GitHub) Origin(ctx context.Context, c dora.Commit) (dora.Origin, error) {
	if reason := g.unavailableReason(c); reason != "" {
		return dora.Origin{Unavailable: reason}, nil
	}
	return g.flights.do(ctx, c, func(ctx context.Context, c dora.Commit) (dora.Origin, error) {
		l := g.lookUp(ctx, c)
		defer l.answers.Release()
		change, err := l.change(ctx, c)
		return change.Origin, err
	})
}

// PartialOrigin returns what can be determined of an origin without the answers that GitHub fails to give.
func (g *GitHub) PartialOrigin(ctx context.Context, c dora.Commit) (dora.Origin, error) {
	l := g.lookUp(ctx, c)
	defer l.answers.Release()
	l.partial = true
	change, err := l.change(ctx, c)
	if isUnanswered(err) {
		err = nil
	}
	return change.Origin, err
}

// lookUp makes the calls of one Origin or Ship and counts them. Its answers are released when it has ended.
type lookUp struct {
	*GitHub
	calls   int
	answers *bounds.Lease
	// waited is for how long the calls have waited for a slot and at the gate.
	waited time.Duration
	// partial is true if an answer that GitHub fails to give is no reason to end.
	partial bool
	// lists has the commits of pull requests that were asked for.
	lists map[int]commits
	// archive has what was read in bulk of the repository; nil if nothing was.
	archive *archive
}

// lookUp begins a look-up about a commit. If what was read in bulk can't be read, GitHub is asked.
func (g *GitHub) lookUp(ctx context.Context, c dora.Commit) lookUp {
	l := lookUp{GitHub: g, answers: g.answers.Lease(), lists: map[int]commits{}}
	var err error
	if l.archive, err = g.archives.of(ctx, c); err != nil && ctx.Err() == nil {
		g.logger.WarnContext(ctx, "reading what was read in bulk failed, asking GitHub instead", "repository", c.Repository, "error", err)
	}
	return l
}

// change returns the change that brought a commit. With a *dora.UnansweredError it is what can be determined without the answer, if the
// look-up is partial.
func (l *lookUp) change(ctx context.Context, c dora.Commit) (dora.Change, error) {
	if c.Pull != 0 {
		change, err := l.changeOfRef(ctx, c)
		if err != nil || change.PullRequest != 0 {
			return change, err
		}
	}
	p, err := l.pullOfCommit(ctx, c, func(p pull) (bool, error) { return !p.isBackMerge(), nil })
	if err != nil {
		return l.changeWithoutPulls(ctx, c, p, err), fmt.Errorf("pull requests of commit %s: %w", c.Key(), err)
	}
	if p.Number != 0 {
		change, err := l.changeOfPull(ctx, c, p)
		if err != nil || change.PullRequest != 0 {
			return change, err
		}
	}
	found, err := l.commit(ctx, c)
	if err != nil {
		return unansweredChange(c), err
	}
	if p.Number == 0 {
		change, err := l.changeOfReference(ctx, c, found)
		if err != nil || change.PullRequest != 0 {
			return change, err
		}
	}
	change := changeOfCommit(c, found)
	if change.Unavailable == "" {
		l.logger.DebugContext(ctx, "", "repo", c.Repository, "sha", c.SHA, "date", "current_commit")
	}
	return change, nil
}

func (l *lookUp) commit(ctx context.Context, c dora.Commit) (found commit, err error) {
	if found, known := l.archive.commit(c.SHA); known {
		return found, nil
	}
	// One file of the commit's is enough: per_page is about them.
	if _, err := l.get(ctx, &found, "?per_page=1", routeCommit, c.Owner, c.Repository, c.SHA); err != nil {
		return commit{}, fmt.Errorf("commit %s: %w", c.Key(), notFound(err))
	}
	l.logger.DebugContext(ctx, "", "repo", c.Repository, "commit_info", c.SHA)
	found.SHA = c.SHA
	return found, nil
}

// changeOfRef returns the change of the pull request that the deployed ref stands for; its zero value if it is not there or none of its
// commits has a date.
func (l *lookUp) changeOfRef(ctx context.Context, c dora.Commit) (dora.Change, error) {
	p, err := l.pullWithNumber(ctx, c, c.Pull)
	switch {
	case err != nil:
		return dora.Change{}, fmt.Errorf("pull request %d, deployed as commit %s: %w", c.Pull, c.Key(), err)
	case p.Number == 0:
		return dora.Change{}, nil
	}
	return l.changeOfPull(ctx, c, p)
}

// changeOfReference returns the change of the merged pull request that the commit's message names and that brought it; its zero value
// if there is none.
func (l *lookUp) changeOfReference(ctx context.Context, c dora.Commit, found commit) (dora.Change, error) {
	p, err := l.mergedReference(ctx, c, found.Commit.Message)
	fits := false
	if err == nil && p.Number != 0 {
		fits, err = l.fits(ctx, c, p, found)
	}
	if err != nil {
		return unansweredChange(c), fmt.Errorf("pull request %d, named by commit %s: %w", reference(found.Commit.Message), c.Key(), err)
	}
	if !fits {
		l.logger.DebugContext(ctx, "", "pull_request_reference", "not_found")
		return dora.Change{}, nil
	}
	return l.changeOfPull(ctx, c, p)
}

// mergedReference returns the merged pull request that a commit's message names; its number is 0 if there is none.
func (l *lookUp) mergedReference(ctx context.Context, c dora.Commit, message string) (pull, error) {
	number := reference(message)
	if number == 0 {
		return pull{}, nil
	}
	named, err := l.pullWithNumber(ctx, c, number)
	if err != nil || !named.merged() {
		return pull{}, err
	}
	return named, nil
}

// pullWithNumber returns a pull request of a commit's repository; its number is 0 if there is none: the number may be that of an issue,
// or of a pull request of another repository.
func (l *lookUp) pullWithNumber(ctx context.Context, c dora.Commit, number int) (p pull, err error) {
	if p, known := l.archive.pull(number); known {
		return p, nil
	}
	_, err = l.get(ctx, &p, "", routePull, c.Owner, c.Repository, strconv.Itoa(number))
	var s *statusError
	switch {
	case errors.As(err, &s) && s.status == http.StatusNotFound:
		return pull{}, nil
	case err != nil:
		return pull{}, notFound(err)
	}
	p.Number = number
	return p, nil
}

// changeOfPull returns the change of a pull request that brought a commit; its zero value if none of its commits has a date.
func (l *lookUp) changeOfPull(ctx context.Context, c dora.Commit, p pull) (dora.Change, error) {
	l.logger.DebugContext(ctx, "", "pull_request_reference", "found", "PR", p.Number)
	listed, err := l.pullCommits(ctx, c, p.Number)
	if err != nil {
		err = fmt.Errorf("commits of pull request %d, for commit %s: %w", p.Number, c.Key(), err)
	}
	change := dora.Change{Origin: p.origin(c), SHA: c.SHA}
	addCommits(&change.Origin, c, listed)
	change.Commits = appendCommits([]string{c.SHA}, listed)
	if err != nil {
		change.Origin = partial(change.Origin)
		return change, err
	}
	if change.Unavailable == dora.ReasonNoDate {
		return dora.Change{}, nil
	}
	l.logger.DebugContext(ctx, "", "repo", c.Repository, "sha", c.SHA, "PR", p.Number, "date", "pr_first_commit")
	return change, nil
}

// pullCommits returns a pull request's commits, of which GitHub lists maxPullCommits, and asks for them once. With a
// *dora.UnansweredError they are those of the pages before.
func (l *lookUp) pullCommits(ctx context.Context, c dora.Commit, number int) (all commits, err error) {
	if all, known := l.lists[number]; known {
		return all, nil
	}
	if all, known := l.archive.pullCommits(number); known {
		return all, nil
	}
	for at := 1; at != 0; {
		var listed commits
		p, err := l.get(ctx, &listed, pageQuery(at), routePullCommits, c.Owner, c.Repository, strconv.Itoa(number))
		if isUnanswered(err) {
			return all, err
		}
		if err != nil {
			return nil, notFound(err)
		}
		all = append(all, listed...)
		at = p.nextAfter(at)
	}
	l.lists[number] = all
	return all, nil
}

// pageQuery asks for a page as large as can be.
func pageQuery(number int) string {
	if number == 1 {
		return fmt.Sprintf("?per_page=%d", pageSize)
	}
	return fmt.Sprintf("?per_page=%d&page=%d", pageSize, number)
}
