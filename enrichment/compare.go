package enrichment

import (
	"context"
	"errors"
	"fmt"

	"dora-exporter/dora"
)

// maxComparePages limits how many pages of a comparison are read: 100,000 commits, a fifth of the calls that GitHub allows per hour.
const maxComparePages = 1000

// comparison is the answer to GET /repos/{owner}/{repo}/compare/{basehead}. Parents of a commit come before it.
// https://docs.github.com/en/rest/commits/commits#compare-two-commits
type comparison struct {
	Status dora.Relation `json:"status"`
	// Total is the number of commits on all pages.
	Total   int     `json:"total_commits"`
	Commits commits `json:"commits"`
	// Files are on the first page only, at most maxFiles. They are the difference between base and head: a file that was changed
	// and changed back is not among them.
	Files files `json:"files"`
}

// maxFiles is the most files that GitHub lists in a comparison.
const maxFiles = 300

func (c *comparison) check() error {
	switch c.Status {
	case dora.Behind, dora.Identical:
		return nil
	case dora.Ahead, dora.Diverged:
	default:
		return fmt.Errorf("a comparison has the status %.20q", string(c.Status))
	}
	for _, listed := range c.Commits {
		if listed.SHA == "" {
			return errors.New("a commit of a comparison has no SHA")
		}
		if err := listed.check(); err != nil {
			return err
		}
	}
	return nil
}

// compare reads all commits that the head has and the base does not have: those since the merge base. If there are none, it reads
// the relation only. With a *dora.UnansweredError the commits are those of the pages before.
func (l *lookUp) compare(ctx context.Context, c dora.Comparison) (comparison, error) {
	if len(c.Paths) == 0 { // what was read in bulk has no files
		if answer, known := l.archive.compare(c.Base, c.Head.SHA); known {
			return answer, nil
		}
	}
	var all comparison
	key := comparisonKey(l.base, c)
	if known, ok := l.knownComparison(ctx, key); ok {
		return known, nil
	}
	seen := map[string]bool{}
	for at := 1; ; at++ {
		var listed comparison
		p, err := l.get(ctx, &listed, fmt.Sprintf("?per_page=%d&page=%d", pageSize, at), routeCompare,
			c.Head.Owner, c.Head.Repository, c.Base+"..."+c.Head.SHA)
		if err != nil && at == 1 {
			return comparison{}, notFound(err)
		}
		if missing := new(dora.NotFoundError); errors.As(notFound(err), &missing) {
			return all, incomplete(err)
		}
		if err != nil {
			return all, err
		}
		if at == 1 {
			all = listed
			all.Commits = nil
		}
		if listed.Status != dora.Ahead && listed.Status != dora.Diverged {
			l.comparisons.put(key, p.body)
			return listed, nil
		}
		before := len(all.Commits)
		for _, listedCommit := range listed.Commits {
			if !seen[listedCommit.SHA] {
				seen[listedCommit.SHA] = true
				all.Commits = append(all.Commits, listedCommit)
			}
		}
		if all.Total > maxComparePages*pageSize {
			return all, incomplete(fmt.Errorf("the comparison has %d commits, more than can be read", all.Total))
		}
		added := len(all.Commits) > before
		if len(all.Commits) >= all.Total && p.next == 0 || !added || at == maxComparePages {
			if at == 1 && len(all.Commits) == all.Total {
				l.comparisons.put(key, p.body)
			}
			break
		}
	}
	// A truncated list would look like a deployment that ships less.
	if len(all.Commits) == 0 || len(all.Commits) < all.Total {
		return all, incomplete(fmt.Errorf("the comparison lists %d of %d commits", len(all.Commits), all.Total))
	}
	return all, nil
}
