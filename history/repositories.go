package history

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"dora-exporter/dora"
)

// target is a repository that is to be read.
type target struct {
	// Name is owner/name.
	Name string `json:"name"`
	// Calls is how many calls reading its pages takes, 1 if that is not known.
	Calls int `json:"calls"`
	// Deployments and Pulls are how many there are; 0 if that is not known.
	Deployments int `json:"deployments,omitempty"`
	Pulls       int `json:"pulls,omitempty"`
	// ID is GitHub's, Newest the time of the newest deployment; zero if that is not known.
	ID     int64     `json:"id,omitempty"`
	Newest time.Time `json:"newest,omitzero"`
}

// isOlder reports whether nothing was deployed since a time.
func (t target) isOlder(since time.Time) bool { return !t.Newest.IsZero() && t.Newest.Before(since) }

func namesOf(all []target) (names []string) {
	for _, t := range all {
		names = append(names, t.Name)
	}
	return names
}

// sizesAtOnce is how many repositories a sizesQuery is about.
const sizesAtOnce = 50

// listOwners adds all repositories of Owners to those that are to be read.
func (b *Backfill) listOwners(ctx context.Context) error {
	if b.Owners == nil {
		return nil
	}
	var owners []string
	err := b.retry(ctx, func() (err error) {
		owners, err = b.Owners(ctx)
		return err
	})
	if err != nil && !isRefused(err) {
		return err
	}
	for _, credential := range b.refusals.note(err, "all of its owners") {
		b.Logger.Error("GitHub refuses a credential, the backfill goes on without its repositories", "key", credential, "error", err)
		b.count(func(p *Progress) { p.Failed = append(p.Failed, "all owners of "+credential) })
	}
	for _, owner := range owners {
		if name := owner + "/*"; !slices.Contains(b.Repositories, name) { // it may be planned again
			b.Repositories = append(b.Repositories, name)
		}
	}
	return nil
}

// listTargets returns the repositories that are to be read, each once, in the order of their names: those that are named, and for owner/* those
// of the owner. Those in which nothing was deployed since are left out.
func (b *Backfill) listTargets(ctx context.Context) ([]target, error) {
	byName := map[string]target{}
	add := func(list func() ([]target, error), names ...string) error {
		listed, err := list()
		if err != nil && ctx.Err() == nil && isFinal(err) {
			b.refusals.note(err, names...)
			b.Logger.Error("repositories can't be read, the backfill goes on without them; repeat it later", "repositories", names, "error", err)
			b.count(func(p *Progress) { p.Failed = append(p.Failed, names...) })
			return nil
		}
		for _, t := range listed {
			byName[strings.ToLower(t.Name)] = t
		}
		return err
	}
	byOwner := map[string][]string{}
	for _, name := range b.Repositories {
		owner, repository, _ := strings.Cut(name, "/")
		if repository != "*" {
			byOwner[owner] = append(byOwner[owner], name)
			continue
		}
		if err := add(func() ([]target, error) { return b.ofOwner(ctx, owner) }, name); err != nil {
			return nil, err
		}
	}
	for _, owner := range slices.Sorted(maps.Keys(byOwner)) {
		names := slices.DeleteFunc(byOwner[owner], func(name string) bool { _, known := byName[strings.ToLower(name)]; return known })
		for some := range slices.Chunk(names, sizesAtOnce) {
			if err := add(func() ([]target, error) { return b.sizesOf(ctx, owner, some) }, some...); err != nil {
				return nil, err
			}
		}
	}
	return slices.SortedFunc(maps.Values(byName), func(x, y target) int { return strings.Compare(x.Name, y.Name) }), nil
}

// ofOwner returns the repositories of an owner.
func (b *Backfill) ofOwner(ctx context.Context, owner string) (all []target, err error) {
	seen := cursors{}
	for after, size := "", pageSize; ; {
		var answer ownerAnswer
		err := b.query(ctx, owner, ownerQuery, map[string]any{"owner": owner, "first": size, "after": cursor(after)}, &answer, &answer.RateLimit)
		if errors.Is(err, dora.ErrTooLarge) && size > 1 {
			size /= 2
			continue
		}
		if errors.Is(err, dora.ErrNoBulk) || isUnanswered(err) {
			b.Logger.Info("GraphQL can't be used, listing all repositories of an owner", "owner", owner, "error", err)
			return b.ofOwnerWithoutBulk(ctx, owner)
		}
		if err != nil {
			return nil, err
		}
		if answer.Owner == nil {
			b.hideOwner(owner)
			return nil, nil
		}
		for _, node := range answer.Owner.Repositories.Nodes {
			all = b.addTarget(all, node)
		}
		page := answer.Owner.Repositories.PageInfo
		if err := seen.add("repositories", page); err != nil {
			return nil, err
		}
		if after = page.EndCursor; !page.HasNextPage {
			return all, nil
		}
	}
}

// hideOwner notes that GitHub does not show an owner.
func (b *Backfill) hideOwner(owner string) {
	b.Logger.Warn("GitHub does not show an owner to the token, leaving out its repositories", "owner", owner)
	b.count(func(p *Progress) { p.Failed = append(p.Failed, owner+"/*") })
}

// ofOwnerWithoutBulk returns the repositories of an owner that REST lists. Each is to be read, since it does not tell how much there is.
func (b *Backfill) ofOwnerWithoutBulk(ctx context.Context, owner string) (all []target, err error) {
	for number := 1; number != 0; {
		names, next, err := retryPage(ctx, &b.asker, func() ([]string, int, error) { return b.GitHub.OwnerRepositories(ctx, owner, number) })
		if missing := new(dora.NotFoundError); errors.As(err, &missing) {
			b.hideOwner(owner)
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			all = append(all, target{Name: name, Calls: 1})
		}
		number = next
	}
	return all, nil
}

// addTarget adds a repository unless nothing was deployed there.
func (b *Backfill) addTarget(all []target, node sizeNode) []target {
	newest := node.Deployments.Nodes
	if len(newest) == 0 || !newest[0].CreatedAt.IsZero() && newest[0].CreatedAt.Before(b.Since) { // zero if GitHub does not show it
		return all
	}
	t := target{
		Name: node.NameWithOwner, Deployments: node.Deployments.TotalCount, Pulls: node.PullRequests.TotalCount, ID: node.DatabaseID,
		Newest: newest[0].CreatedAt,
	}
	full := newPageSizes(b.Labels).full
	t.Calls = max(pagesOf(t.Deployments, full.deployments), pagesOf(t.Pulls, full.pulls), 1)
	return append(all, t)
}

// pagesOf returns how many pages of a size there are of n elements.
func pagesOf(n, size int) int { return (n + size - 1) / size }

// sizesOf returns named repositories of an owner. Without an answer by GraphQL all of them are to be read.
func (b *Backfill) sizesOf(ctx context.Context, owner string, names []string) (all []target, err error) {
	var answer aliasedAnswer[sizeNode]
	query, variables := sizesQuery(names)
	err = b.query(ctx, owner, query, variables, &answer, &answer.RateLimit)
	if errors.Is(err, dora.ErrNoBulk) || errors.Is(err, dora.ErrTooLarge) || isUnanswered(err) {
		for _, name := range names {
			all = append(all, target{Name: name, Calls: 1})
		}
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	for i, name := range names {
		node := answer.Repositories[alias(i)]
		if node == nil {
			b.Logger.Warn("GitHub does not show a repository to the token, leaving it out", "repository", name)
			b.count(func(p *Progress) { p.Failed = append(p.Failed, name) })
			continue
		}
		all = b.addTarget(all, *node)
	}
	return all, nil
}
