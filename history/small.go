package history

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"dora-exporter/dora"
)

// A page of a repository costs 2 points however little there is in it, and the commits that are missing afterwards cost another query. So one
// query reads the deployments and pull requests of several small repositories, each in its size, and another one their missing commits.

// requests returns how many requests reading a repository in one page stands for: those of its two connections, and those in their elements.
func (t target) requests(labels bool) int {
	perPull := 2 // the commits of a pull request, and the parents of its merge
	if labels {
		perPull++
	}
	return 2 + t.Deployments + perPull*max(t.Pulls, 1) // none is asked for as one
}

// isSmall reports whether a repository can be read in one page. It is false if it has no deployments, or if its size is not known.
func (t target) isSmall() bool { return t.Deployments > 0 && max(t.Deployments, t.Pulls) <= pageSize }

// readSmall reads the first of the targets, if it is small, with as many others of its owner as smallRequests allows, and the missing commits
// of those that were read in such a query before an interruption. What it does not read is left to readPart.
func (b *Backfill) readSmall(ctx context.Context, targets []target) error {
	if !targets[0].isSmall() || b.tried[targets[0].Name] {
		return nil
	}
	b.before = b.spent
	var some []target
	var parts []*part
	var all []*gaps
	requests := 0
	owner, _, _ := strings.Cut(targets[0].Name, "/")
	for _, t := range targets {
		itsOwner, _, _ := strings.Cut(t.Name, "/")
		isTooMuch := len(some) > 0 && requests+t.requests(b.Labels) > smallRequests
		if itsOwner != owner || b.tried[t.Name] || !t.isSmall() || isTooMuch {
			continue
		}
		p, _, err := b.begin(ctx, t)
		if err != nil {
			return err
		}
		if !p.isUnread() {
			b.tried[t.Name] = true
			if all, err = b.addGaps(ctx, p, all); err != nil {
				return err
			}
			continue
		}
		some, parts = append(some, t), append(parts, p)
		requests += t.requests(b.Labels)
	}
	if len(some) > 0 {
		read, err := b.addSmall(ctx, owner, some, parts)
		if err != nil {
			return err
		}
		for _, p := range read {
			if all, err = b.addGaps(ctx, p, all); err != nil {
				return err
			}
		}
	}
	for _, t := range some {
		b.tried[t.Name] = true
	}
	if len(all) == 0 {
		return nil
	}
	if err := b.readGaps(ctx, owner, all); err != nil && (ctx.Err() != nil || !isFinal(err)) {
		return err
	}
	return nil // if it is final, it is that of one of them: readPart finds it again
}

// addGaps adds the missing commits of a part whose pages were read, unless they were read, too.
func (b *Backfill) addGaps(ctx context.Context, p *part, all []*gaps) ([]*gaps, error) {
	if p.Done || p.HistoryRead || !p.DeploymentsRead || !p.PullsRead {
		return all, nil
	}
	read, pages, err := b.stored(ctx, p)
	if err != nil {
		return nil, err
	}
	return append(all, gapsOf(p, read, pages)), nil
}

// isUnread reports whether nothing was read of a part, and nothing of the repository before it.
func (p *part) isUnread() bool { return !p.Done && p.ID == 0 && p.Newer.IsZero() }

// addSmall reads the parts of small repositories in one query, and returns those that it has read. It leaves what can't be read together to readPart.
func (b *Backfill) addSmall(ctx context.Context, owner string, some []target, parts []*part) (read []*part, err error) {
	var answer aliasedAnswer[repositoryNode]
	query, variables := smallQuery(some, b.Labels)
	err = b.query(ctx, owner, query, variables, &answer, &answer.RateLimit)
	if err != nil && ctx.Err() == nil && isFinal(err) {
		if errors.Is(err, dora.ErrTooLarge) {
			b.Logger.Info("GitHub could not answer a query, asking for one repository at a time", "repositories", len(some), "error", err)
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
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
			return nil, err
		}
		read = append(read, p)
	}
	return read, nil
}

// smallQuery reads the first page of the deployments and of the merged pull requests of some repositories, each in its size.
func smallQuery(some []target, labels bool) (query string, variables map[string]any) {
	var names []string
	parameters := ", $labels: Boolean!, $commitsFirst: Int!"
	for i, t := range some {
		names = append(names, t.Name)
		parameters += fmt.Sprintf(", $d%d: Int!, $p%d: Int!", i, i)
	}
	query, variables = aliasedQuery(names, parameters, func(i int) string { return fmt.Sprintf(smallFields, i, i) })
	variables["labels"], variables["commitsFirst"] = labels, commitsSize
	for i, t := range some {
		variables[fmt.Sprintf("d%d", i)], variables[fmt.Sprintf("p%d", i)] = max(t.Deployments, 1), max(t.Pulls, 1)
	}
	return query, variables
}
