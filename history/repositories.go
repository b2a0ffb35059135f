package history

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"dora-exporter/dora"
)

// target is a repository that is to be read.
type target struct {
	// name is owner/name.
	name string
	// calls is how many calls reading it takes at most, 1 if that is not known.
	calls int
}

// sizesAtOnce is how many repositories a sizesQuery is about.
const sizesAtOnce = 50

// targets returns the repositories that are to be read, each once, in the order of their names: those that are named, and for owner/* those of
// the owner. Those in which nothing was deployed since are left out.
func (b *Backfill) targets(ctx context.Context) ([]target, error) {
	byName := map[string]target{}
	var named []string
	for _, name := range b.Repositories {
		owner, repository, _ := strings.Cut(name, "/")
		if repository != "*" {
			named = append(named, name)
			continue
		}
		of, err := b.ofOwner(ctx, owner)
		if err != nil {
			return nil, err
		}
		for _, t := range of {
			byName[strings.ToLower(t.name)] = t
		}
	}
	named = slices.DeleteFunc(named, func(name string) bool { _, known := byName[strings.ToLower(name)]; return known })
	byOwner := map[string][]string{}
	for _, name := range named {
		owner, _, _ := strings.Cut(name, "/")
		byOwner[owner] = append(byOwner[owner], name)
	}
	for owner, names := range byOwner {
		for some := range slices.Chunk(names, sizesAtOnce) {
			sized, err := b.sizesOf(ctx, owner, some)
			if err != nil {
				return nil, err
			}
			for _, t := range sized {
				byName[strings.ToLower(t.name)] = t
			}
		}
	}
	var all []target
	for _, t := range byName {
		all = append(all, t)
	}
	slices.SortFunc(all, func(x, y target) int { return strings.Compare(x.name, y.name) })
	return all, nil
}

// ofOwner returns the repositories of an owner.
func (b *Backfill) ofOwner(ctx context.Context, owner string) (all []target, err error) {
	for after := ""; ; {
		var answer ownerAnswer
		err := b.query(ctx, owner, ownerQuery, map[string]any{"owner": owner, "first": pageSize, "after": cursor(after)}, &answer, &answer.RateLimit)
		if errors.Is(err, dora.ErrNoBulk) {
			b.Logger.Warn("GraphQL can't be used to list the repositories of an owner, name them under teams or with -repo", "owner", owner, "error", err)
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if answer.Owner == nil {
			b.Logger.Warn("GitHub does not show an owner to the token, leaving out its repositories", "owner", owner)
			return nil, nil
		}
		for _, node := range answer.Owner.Repositories.Nodes {
			all = b.addTarget(all, node)
		}
		page := answer.Owner.Repositories.PageInfo
		if after = page.EndCursor; !page.HasNextPage {
			return all, nil
		}
	}
}

// addTarget adds a repository unless nothing was deployed there.
func (b *Backfill) addTarget(all []target, node sizeNode) []target {
	newest := node.Deployments.Nodes
	if len(newest) == 0 || newest[0].CreatedAt.Before(b.Since) {
		return all
	}
	pages := (max(node.Deployments.TotalCount, node.PullRequests.TotalCount) + pageSize - 1) / pageSize
	return append(all, target{node.NameWithOwner, max(pages, 1)})
}

// sizesOf returns named repositories of an owner. Without GraphQL all of them are to be read.
func (b *Backfill) sizesOf(ctx context.Context, owner string, names []string) (all []target, err error) {
	var answer map[string]json.RawMessage
	var limits rateLimits
	query, variables := sizesQuery(names)
	err = b.query(ctx, owner, query, variables, &answer, &limits)
	if errors.Is(err, dora.ErrNoBulk) || errors.Is(err, dora.ErrTooLarge) {
		for _, name := range names {
			all = append(all, target{name, 1})
		}
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	for i, name := range names {
		var node *sizeNode
		if err := json.Unmarshal(answer[alias(i)], &node); err != nil {
			return nil, err
		}
		if node == nil {
			b.Logger.Warn("GitHub does not show a repository to the token, leaving it out", "repository", name)
			b.count(func(p *Progress) { p.Failed = append(p.Failed, name) })
			continue
		}
		all = b.addTarget(all, *node)
	}
	return all, nil
}
