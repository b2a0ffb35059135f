package history

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"dora-exporter/dora"
)

// Plan says what a backfill would read.
type Plan struct {
	Request Request
	Progress
	// Searches are what issues would be searched for, one of each site.
	Searches []Search
}

// Search is a search for issues.
type Search struct {
	JQL string
	// Issues are how many it finds, at least: Jira Cloud tells only how many are on a page.
	Issues  int
	HasMore bool
}

// moreCalls says what else takes calls. How many is known when the pages were read.
const moreCalls = "and more calls: 1 for each repository with unusual environments, 1 for each deployment of the last week, 1 for up to 149 missing commits\n"

// Write writes the plan as text.
func (p Plan) Write(out io.Writer) error {
	when := "since " + p.Request.Since.Format(time.DateOnly)
	if !p.Request.Until.IsZero() {
		when += " and before " + p.Request.Until.Format("2006-01-02 15:04 MST")
	}
	var text strings.Builder
	if len(p.Request.Sources) == 0 || slices.Contains(p.Request.Sources, dora.GitHub) {
		fmt.Fprintf(&text, "would read %s: %d repositories, with about %d calls of the GitHub API for their pages\n", when, p.Repositories, p.CallsLeft)
		if p.CallsLeft > 0 {
			text.WriteString(moreCalls)
		}
	}
	for _, s := range p.Searches {
		count := fmt.Sprint(s.Issues)
		if s.HasMore {
			count = "more than " + count
		}
		fmt.Fprintf(&text, "would read %s: %s issues of Jira, found by %s\n", when, count, s.JQL)
	}
	for _, name := range p.Failed {
		fmt.Fprintf(&text, "can't read: %s\n", name)
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// search makes the first search for issues, which shows whether the credential and the JQL are right.
func (b *Backfill) search(ctx context.Context) (Search, error) {
	b.Issues.MaxFailures = b.maxFailures
	s, err := b.Issues.site(ctx)
	if err != nil {
		return Search{}, refusedByJira(err)
	}
	found, err := b.Issues.search(ctx, s, issuesPart{From: b.Since})
	if err != nil {
		return Search{}, refusedByJira(err)
	}
	_, done, err := found.next(s.cloud, "")
	search := Search{JQL: b.Issues.query(s, b.Since), Issues: found.Total}
	if s.cloud {
		search.Issues, search.HasMore = len(found.Issues), !done
	}
	return search, err
}
