package history

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"dora-exporter/dora"
)

// part is how far a repository was read. It is stored after each page, so that a backfill that was interrupted goes on there.
type part struct {
	dora.ArchivedRepository

	// Server is the host by which it was asked for, Host the one by which events call it.
	Server string `json:"server"`
	Host   string `json:"host"`
	Owner  string `json:"owner"`
	Name   string `json:"name"`
	span
	// Newer is what an earlier backfill had read up to: older deployments are there already. It is zero if there was none.
	Newer time.Time `json:"newer,omitzero"`
	// DeploymentsAfter and PullsAfter are the cursors of the next pages.
	DeploymentsAfter string `json:"deployments_after,omitempty"`
	PullsAfter       string `json:"pulls_after,omitempty"`
	// DeploymentsPage is the page that was read last by REST; 0 if none was.
	DeploymentsPage int  `json:"deployments_page,omitempty"`
	DeploymentsRead bool `json:"deployments_read,omitempty"`
	PullsRead       bool `json:"pulls_read,omitempty"`
	// Completed is true when what GraphQL does not tell of the deployments was read.
	Completed bool `json:"completed,omitempty"`
	// HistoryRead is true when the parents of commits were read where they were missing.
	HistoryRead bool `json:"history_read,omitempty"`
	// Done is true when all deliveries are stored.
	Done        bool `json:"done,omitempty"`
	Deployments int  `json:"deployments,omitempty"`
	Spent

	// knownID is the ID of the repository if it was read before; 0 if it was not.
	knownID int64
}

func (p *part) part() string { return dora.ArchivePart(p.Host, p.Owner, p.Name) }

// deploymentsPart is the name of the part that has the deployments until they are deliveries.
func (p *part) deploymentsPart() string { return deploymentsOf(p.part()) }

func deploymentsOf(part string) string { return part + " deployments" }

const (
	// mergedBefore is how long before a deployment a pull request that it ships may have been merged.
	mergedBefore = 60 * dora.Day
	// redeliveryWindow is how long GitHub lists and redelivers deliveries of webhooks, at most: those of Apps and of Enterprise Server.
	// Statuses that are younger get their numbers.
	redeliveryWindow = 7*dora.Day + time.Hour
)

// readPages reads the deployments and merged pull requests of a repository that were not read yet.
func (b *Backfill) readPages(ctx context.Context, p *part) error {
	size, seen := newPageSizes(b.Labels), cursors{}
	for !p.DeploymentsRead || !p.PullsRead {
		r, err := b.readPage(ctx, p, size)
		if err == nil {
			err = seen.check(p, r)
		}
		if err != nil {
			return err
		}
		if err := b.addPage(ctx, p, r); err != nil {
			return err
		}
	}
	return nil
}

// readPage returns the next page of what was not read yet of a repository; nil if GitHub does not show the repository. It asks for less if
// GitHub could not answer.
func (b *Backfill) readPage(ctx context.Context, p *part, size *pageSizes) (*repositoryNode, error) {
	for {
		var answer repositoryAnswer
		err := b.query(ctx, p.Owner, repositoryQuery, map[string]any{
			"owner": p.Owner, "name": p.Name, "labels": b.Labels,
			"deployments": !p.DeploymentsRead, "deploymentsFirst": size.deployments, "deploymentsAfter": cursor(p.DeploymentsAfter),
			"pulls": !p.PullsRead, "pullsFirst": size.pulls, "pullsAfter": cursor(p.PullsAfter), "commitsFirst": size.commits,
		}, &answer, &answer.RateLimit)
		if errors.Is(err, dora.ErrTooLarge) && size.halve() {
			b.Logger.Info("GitHub could not answer a query, asking for less", "repository", p.Owner+"/"+p.Name, "deployments", size.deployments, "error", err)
			continue
		}
		if err != nil {
			return nil, err
		}
		size.grow()
		return answer.Repository, nil
	}
}

// cursors are those that the pages of a repository had.
type cursors map[string]bool

// check returns an error if a page lacks what was asked for, or if its list does not go on after it.
func (c cursors) check(p *part, r *repositoryNode) error {
	switch {
	case r == nil:
		return &dora.NotFoundError{Reason: dora.ReasonNotFound, Err: fmt.Errorf("repository %s/%s: it is not there, or the token may not see it", p.Owner, p.Name)}
	case !p.DeploymentsRead && r.Deployments == nil:
		return hiddenError("deployments", "Deployments")
	case !p.PullsRead && r.PullRequests == nil:
		return hiddenError("pull requests", "Pull requests")
	}
	if !p.DeploymentsRead {
		if err := c.add("deployments", r.Deployments.PageInfo); err != nil {
			return err
		}
	}
	if !p.PullsRead {
		return c.add("pull requests", r.PullRequests.PageInfo)
	}
	return nil
}

func hiddenError(what, permission string) error {
	return &dora.InaccessibleError{Err: fmt.Errorf("GitHub shows no %s: the credential needs read access to %s", what, permission)}
}

// add notes the cursor after a page of a list. It returns an error if the next page would be one that was read.
func (c cursors) add(list string, info pageInfo) error {
	at := list + " " + info.EndCursor
	if info.HasNextPage && (info.EndCursor == "" || c[at]) {
		return &dora.UnansweredError{Err: fmt.Errorf("GitHub does not tell where the list of %s goes on", list), Call: at}
	}
	c[at] = true
	return nil
}

// cursor returns the variable for a cursor; nil for the first page.
func cursor(after string) any {
	if after == "" {
		return nil
	}
	return after
}

// addPage stores a page with the cursors of the next ones, or returns a *renamedError.
func (b *Backfill) addPage(ctx context.Context, p *part, r *repositoryNode) error {
	if err := b.locate(ctx, p, r); err != nil {
		return err
	}
	if r.DefaultBranch != nil && p.Newest == "" {
		p.DefaultBranch, p.Newest = r.DefaultBranch.Name, r.DefaultBranch.Target.OID
	}
	var archived, deployments dora.ArchivePage
	if d := r.Deployments; d != nil {
		p.DeploymentsAfter, p.DeploymentsRead = d.PageInfo.EndCursor, !d.PageInfo.HasNextPage
		for _, node := range d.Nodes {
			if node == nil {
				b.noteHidden(p, "a deployment")
				continue
			}
			if node.CreatedAt.Before(later(p.Since, p.Newer)) {
				p.DeploymentsRead = true
				break
			}
			if p.excludes(node.CreatedAt) {
				continue
			}
			a, err := node.archived()
			if err != nil {
				return err
			}
			deployments.Deployments = append(deployments.Deployments, a)
		}
	}
	if q := r.PullRequests; q != nil {
		p.PullsAfter, p.PullsRead = q.PageInfo.EndCursor, !q.PageInfo.HasNextPage
		for _, node := range q.Nodes {
			if node == nil {
				b.noteHidden(p, "a pull request")
				continue
			}
			if node.UpdatedAt.Before(later(p.PullsSince, p.Newer)) {
				p.PullsRead = true
				break
			}
			archived.Pulls = append(archived.Pulls, node.archived())
		}
	}
	p.Spent = b.spentOn(p)
	return b.Store.Update(ctx, func(tx dora.Tx) error {
		pages := tx.Backfill()
		if len(archived.Pulls) > 0 {
			if err := pages.AddPage(p.part(), archived); err != nil {
				return err
			}
		}
		if len(deployments.Deployments) > 0 {
			if err := pages.AddPage(p.deploymentsPart(), deployments); err != nil {
				return err
			}
		}
		return pages.SavePart(p.part(), p)
	})
}

// noteHidden notes that GitHub does not show something of a repository.
func (b *Backfill) noteHidden(p *part, what string) {
	b.Logger.Warn("GitHub does not show something to the token, the backfill goes on without it", "repository", p.Owner+"/"+p.Name, "what", what)
	b.skip(p.Owner + "/" + p.Name + ": " + what + " that GitHub does not show")
}

// identify takes over what the repository is called now, and where it is.
func (p *part) identify(r *repositoryNode) {
	p.ID = r.DatabaseID
	if owner, name, ok := strings.Cut(r.NameWithOwner, "/"); ok && p.Newest == "" {
		p.Owner, p.Name = owner, name
	}
	if host := hostOf(r.URL); host != "" && p.Newest == "" {
		p.Host = host
	}
}

// hostOf returns the host of the API of the server that a repository's URL is of, as webhooks have it in repository.url.
func hostOf(url string) string {
	if host := dora.Host(url); host != "github.com" {
		return host
	}
	return "api.github.com"
}
