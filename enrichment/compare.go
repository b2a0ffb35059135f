package enrichment

import (
	"context"
	"errors"
	"fmt"

	"dora-exporter/dora"
)

// maxComparePages bounds how many pages of a comparison are read: 100,000 commits, a fifth of an hour's calls.
const maxComparePages = 1000

// comparison answers GET /repos/{owner}/{repo}/compare/{basehead}. Parents of a commit come before it.
// https://docs.github.com/en/rest/commits/commits#compare-two-commits
type comparison struct {
	Status dora.Relation `json:"status"`
	// Total is how many commits there are on all pages.
	Total   int     `json:"total_commits"`
	Commits commits `json:"commits"`
	// Files are on the first page alone, maxFiles at most. They are what differs in the end: a change that was taken back
	// within the comparison does not show.
	Files files `json:"files"`
}

// maxFiles is how many files a comparison lists at most.
const maxFiles = 300

func (c *comparison) check() error {
	switch c.Status {
	case dora.Behind, dora.Identical, dora.Diverged:
		return nil
	case dora.Ahead:
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

// compare reads all commits that the head has and the base has not, when it is ahead; else the relation alone.
func (l *lookUp) compare(ctx context.Context, c dora.Comparison) (comparison, error) {
	var all comparison
	seen := map[string]bool{}
	for at := 1; ; at++ {
		var listed comparison
		p, err := l.get(ctx, &listed, fmt.Sprintf("?per_page=%d&page=%d", pageSize, at), routeCompare,
			c.Head.Owner, c.Head.Repository, c.Base+"..."+c.Head.SHA)
		if err != nil && at == 1 {
			return comparison{}, notFound(err)
		}
		if err != nil {
			return comparison{}, err
		}
		if at == 1 {
			all = listed
			all.Commits = nil
		}
		if listed.Status != dora.Ahead {
			return listed, nil
		}
		if all.Total > maxComparePages*pageSize {
			return comparison{}, fmt.Errorf("the comparison has %d commits, more than can be read", all.Total)
		}
		before := len(all.Commits)
		for _, listedCommit := range listed.Commits {
			if !seen[listedCommit.SHA] {
				seen[listedCommit.SHA] = true
				all.Commits = append(all.Commits, listedCommit)
			}
		}
		added := len(all.Commits) > before
		if len(all.Commits) >= all.Total && p.next == 0 || !added || at == maxComparePages {
			break
		}
	}
	// A list that is cut looks like a deployment that ships less.
	if len(all.Commits) == 0 || len(all.Commits) < all.Total {
		return comparison{}, fmt.Errorf("the comparison lists %d of %d commits", len(all.Commits), all.Total)
	}
	return all, nil
}
