package history

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"dora-exporter/dora"
)

// A page of a repository costs 2 points or more however little there is in it, and the commits that are missing afterwards cost another query.
// So one query reads the deployments and pull requests of several small repositories, each in its size, and another one their missing commits.

// requests returns how many requests reading a repository in one page stands for: those of its two connections, and those in their elements.
func (t target) requests(labels bool) int {
	perPull := 2 // the commits of a pull request, and the parents of its merge
	if labels {
		perPull++
	}
	return 2 + t.deployments + perPull*max(t.pulls, 1) // none is asked for as one
}

// isSmall reports whether a repository can be read in one page. It is false if it has no deployments, or if its size is not known.
func (t target) isSmall() bool { return t.deployments > 0 && max(t.deployments, t.pulls) <= pageSize }

// readSmall reads the first of the targets, if it is small, with as many others of its owner as cost a point together. What it does not read is
// left to readPart.
func (b *Backfill) readSmall(ctx context.Context, targets []target) error {
	if !targets[0].isSmall() || b.tried[targets[0].name] {
		return nil
	}
	var some []target
	var parts []*part
	requests := 0
	owner, _, _ := strings.Cut(targets[0].name, "/")
	for _, t := range targets {
		itsOwner, _, _ := strings.Cut(t.name, "/")
		isTooMuch := len(some) > 0 && requests+t.requests(b.Labels) > pointRequests
		if itsOwner != owner || b.tried[t.name] || !t.isSmall() || isTooMuch {
			continue
		}
		p, _, err := b.begin(ctx, t.name)
		if err != nil {
			return err
		}
		if !p.isUnread() {
			b.tried[t.name] = true
			continue
		}
		some, parts = append(some, t), append(parts, p)
		requests += t.requests(b.Labels)
	}
	if len(some) > 0 {
		if err := b.addSmall(ctx, owner, some, parts); err != nil {
			return err
		}
	}
	for _, t := range some {
		b.tried[t.name] = true
	}
	return nil
}

// isUnread reports whether nothing was read of a part, and nothing of the repository before it.
func (p *part) isUnread() bool { return !p.Done && p.ID == 0 && p.Newer.IsZero() }

// addSmall reads the parts of small repositories in one query. It leaves what can't be read together to readPart.
func (b *Backfill) addSmall(ctx context.Context, owner string, some []target, parts []*part) error {
	b.before = b.spent
	var answer aliasedAnswer[repositoryNode]
	query, variables := smallQuery(some, b.Labels)
	err := b.query(ctx, owner, query, variables, &answer, &answer.RateLimit)
	if err != nil && ctx.Err() == nil && isFinal(err) {
		if errors.Is(err, dora.ErrTooLarge) {
			b.Logger.Info("GitHub could not answer a query, asking for one repository at a time", "repositories", len(some), "error", err)
		}
		return nil
	}
	if err != nil {
		return err
	}
	var all []*gaps
	for i, p := range parts {
		r := answer.Repositories[alias(i)]
		if r == nil || r.Deployments == nil || r.PullRequests == nil {
			continue
		}
		err := b.addPage(ctx, p, r)
		if renamed := new(renamedError); errors.As(err, &renamed) {
			continue
		}
		if err != nil {
			return err
		}
		if p.DeploymentsRead && p.PullsRead {
			read, pages, err := b.stored(ctx, p)
			if err != nil {
				return err
			}
			all = append(all, gapsOf(p, read, pages))
		}
	}
	err = b.readGaps(ctx, owner, all)
	if err != nil && ctx.Err() == nil && isFinal(err) {
		return nil // of one of them: readPart finds it again
	}
	return err
}

// smallQuery reads the first page of the deployments and of the merged pull requests of some repositories, each in its size.
func smallQuery(some []target, labels bool) (query string, variables map[string]any) {
	var names []string
	parameters := ", $labels: Boolean!, $commitsFirst: Int!"
	for i, t := range some {
		names = append(names, t.name)
		parameters += fmt.Sprintf(", $d%d: Int!, $p%d: Int!", i, i)
	}
	query, variables = aliasedQuery(names, parameters, func(i int) string { return fmt.Sprintf(smallFields, i, i) })
	variables["labels"], variables["commitsFirst"] = labels, commitsSize
	for i, t := range some {
		variables[fmt.Sprintf("d%d", i)], variables[fmt.Sprintf("p%d", i)] = max(t.deployments, 1), max(t.pulls, 1)
	}
	return query, variables
}
