package history

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"dora-exporter/dora"
)

// longestRun is how long a deployment is expected to run at most: of deployments that were created longer before the compared time, no
// further page is read.
const longestRun = dora.Day

// compareAll compares repositories since a time, and those for which GitHub has not answered before since theirs. It returns those for which it
// does not answer now.
func (c *accountCheck) compareAll(ctx context.Context, owner string, names []string, since time.Time, before map[string]time.Time) (unanswered map[string]time.Time, err error) {
	unanswered = map[string]time.Time{}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if err := c.compare(ctx, owner, []string{name}, before[name], unanswered); err != nil {
			return nil, err
		}
	}
	others := slices.DeleteFunc(slices.Clone(names), func(name string) bool { _, ok := before[name]; return ok })
	return unanswered, c.compare(ctx, owner, others, since, unanswered)
}

// compare compares the statuses of the newest deployments of an owner's repositories since a time with those that are stored, and stores
// those that are missing. It adds the repositories for which GitHub does not answer to unanswered.
func (c *accountCheck) compare(ctx context.Context, owner string, names []string, since time.Time, unanswered map[string]time.Time) error {
	for batch := range slices.Chunk(names, comparedAtOnce) {
		if err := c.compareBatch(ctx, owner, batch, since, unanswered); err != nil {
			return err
		}
	}
	return nil
}

// compareBatch compares repositories that are read in one query, or in several ones if GitHub does not answer that.
func (c *accountCheck) compareBatch(ctx context.Context, owner string, names []string, since time.Time, unanswered map[string]time.Time) error {
	answer, err := c.newest(ctx, owner, names)
	isLeftOut := isUnanswered(err) || errors.Is(err, dora.ErrTooLarge)
	if half := len(names) / 2; isLeftOut && half > 0 { // perhaps because of one of them
		if err := c.compareBatch(ctx, owner, names[:half], since, unanswered); err != nil {
			return err
		}
		return c.compareBatch(ctx, owner, names[half:], since, unanswered)
	}
	read := c.readBulk
	if errors.Is(err, dora.ErrNoBulk) {
		read, err = c.readByREST, nil
	}
	if err != nil && !isLeftOut {
		return err
	}
	for i, name := range names {
		p := &part{Host: cmp.Or(c.hosts[owner+"/"+name], c.Host), Owner: owner, Name: name, span: span{Since: since, Began: c.Now()}}
		if !isLeftOut {
			err = c.compareRepository(ctx, p, read, answer.Repositories[alias(i)])
		}
		switch full := owner + "/" + name; {
		case isLeftOut, isUnanswered(err):
			c.Logger.Warn("GitHub does not answer for a repository, comparing it again later", "repository", full, "since", since, "error", err)
			unanswered[name] = since
		case err != nil && (!isFinal(err) || isRefused(err)):
			return err
		case err != nil:
			c.Logger.Warn("the deployments of a repository can't be compared, leaving it out", "repository", full, "error", err)
		}
	}
	return nil
}

// compareRepository compares the newest deployments of a repository, which read continues from r.
func (c *accountCheck) compareRepository(ctx context.Context, p *part, read func(context.Context, *part, *repositoryNode) ([]dora.ArchivedDeployment, error), r *repositoryNode) error {
	all, err := read(ctx, p, r)
	if err != nil {
		return err
	}
	return c.repairDeployments(ctx, p, all)
}

// newest reads the newest deployments of an owner's repositories.
func (c *accountCheck) newest(ctx context.Context, owner string, names []string) (aliasedAnswer[repositoryNode], error) {
	var fullNames []string
	for _, name := range names {
		fullNames = append(fullNames, owner+"/"+name)
	}
	query, variables := comparedQuery(fullNames)
	for size := comparedSize; ; size /= 2 {
		var answer aliasedAnswer[repositoryNode]
		variables["newest"] = size
		err := c.bulk.query(ctx, owner, query, variables, &answer, &answer.RateLimit)
		if !errors.Is(err, dora.ErrTooLarge) || size == 1 {
			return answer, err
		}
	}
}

// readBulk returns the deployments whose statuses are compared: those of r, which has been read, and of further pages as long as they
// may still be running.
func (c *accountCheck) readBulk(ctx context.Context, p *part, r *repositoryNode) (all []dora.ArchivedDeployment, err error) {
	if r == nil {
		return nil, nil // it is gone, or the token may not see it
	}
	size, seen := newPageSizes(c.bulk.Labels), cursors{}
	p.PullsRead = true // they are not compared
	known := c.hosts[strings.ToLower(p.Owner+"/"+p.Name)]
	for {
		p.identify(r)
		p.Host = cmp.Or(known, p.Host)
		if r.DefaultBranch != nil {
			p.DefaultBranch = r.DefaultBranch.Name
		}
		if r.Deployments == nil {
			return all, nil
		}
		more := r.Deployments.PageInfo.HasNextPage
		for _, node := range r.Deployments.Nodes {
			if node == nil {
				continue
			}
			a, err := node.archived()
			if err != nil {
				return nil, err
			}
			all = append(all, a)
			more = more && !a.Created.Before(p.Since.Add(-longestRun))
		}
		if !more {
			return all, nil
		}
		if err := seen.add("deployments", r.Deployments.PageInfo); err != nil {
			return nil, err
		}
		p.DeploymentsAfter = r.Deployments.PageInfo.EndCursor
		if r, err = c.bulk.readPage(ctx, p, size); err != nil || r == nil {
			return all, err
		}
	}
}

// readByREST returns the deployments whose statuses are compared, without their statuses.
func (c *accountCheck) readByREST(ctx context.Context, p *part, _ *repositoryNode) (all []dora.ArchivedDeployment, err error) {
	for number := 1; number != 0; {
		page, next, err := c.bulk.deploymentsPage(ctx, p, number)
		if err != nil {
			return nil, err
		}
		for _, d := range page {
			if d.CreatedAt.Before(p.Since.Add(-longestRun)) {
				return all, nil
			}
			p.identifyBy(d.RepositoryURL)
			a, err := d.archived()
			if err != nil {
				return nil, err
			}
			all = append(all, a)
		}
		number = next
	}
	return all, nil
}

// identifyBy sets the owner and the name as a repository's address in the API spells them.
func (p *part) identifyBy(address string) {
	_, path, _ := strings.Cut(address, "/repos/")
	if owner, name, ok := strings.Cut(path, "/"); ok && dora.RepositoryName(owner, name) == dora.RepositoryName(p.Owner, p.Name) {
		p.Owner, p.Name = owner, name
	}
}

// repairDeployments stores the statuses of deployments that are missing.
func (c *accountCheck) repairDeployments(ctx context.Context, p *part, all []dora.ArchivedDeployment) error {
	all = slices.DeleteFunc(all, func(a dora.ArchivedDeployment) bool {
		return !a.Incomplete && !slices.ContainsFunc(a.Statuses, p.isCompared) && a.Created.Before(p.Since)
	})
	if slices.ContainsFunc(all, func(a dora.ArchivedDeployment) bool { return a.ID == 0 }) {
		if err := c.bulk.complete(ctx, p, all); err != nil {
			return err
		}
	}
	missing, checked, err := c.missing(ctx, p, all)
	c.OnChecked(KindStatus, c.Name, checked, 0, 0)
	if err != nil || len(missing) == 0 {
		return err
	}
	if err := c.bulk.complete(ctx, p, missing); err != nil {
		return err
	}
	for _, a := range slices.Backward(missing) {
		if err := c.repairDeployment(ctx, p, a); err != nil {
			return err
		}
	}
	return nil
}

// isCompared reports whether a status is of the time that is compared.
func (p *part) isCompared(s dora.ArchivedStatus) bool { return !s.At.Before(p.Since) }

// missing returns the deployments that have no status, or some that are not stored, and how many statuses were compared. GraphQL does not
// give the ids of statuses, so a deployment must have as many stored ones of a state and a time as GraphQL lists.
func (c *accountCheck) missing(ctx context.Context, p *part, all []dora.ArchivedDeployment) (missing []dora.ArchivedDeployment, checked int, err error) {
	err = c.Store.Update(ctx, func(tx dora.Tx) error {
		missing, checked = nil, 0
		for _, a := range all {
			type moment struct {
				state string
				at    int64
			}
			count := map[moment]int{}
			lacks := a.Incomplete || len(a.Statuses) == 0
			for _, s := range a.Statuses {
				if !p.isCompared(s) {
					continue
				}
				checked++
				at := moment{s.State, s.At.UnixMilli()}
				count[at]++
				ids, err := tx.Deployments().StatusesAt(dora.DeploymentKey(p.Host, a.ID), s.State, s.At)
				if err != nil {
					return err
				}
				lacks = lacks || len(ids) < count[at]
			}
			if lacks {
				missing = append(missing, a)
			}
		}
		return nil
	})
	return missing, checked, err
}

// repairDeployment stores the statuses of a deployment, or the deployment if it has none.
func (c *accountCheck) repairDeployment(ctx context.Context, p *part, a dora.ArchivedDeployment) error {
	if a.ID <= 0 {
		return nil
	}
	if a.Incomplete || len(a.Statuses) > 0 {
		a.Incomplete = true // so that older statuses get their ids, too
		if err := c.bulk.numberStatuses(ctx, p, &a); err != nil {
			return err
		}
	}
	deliveries, err := c.bulk.deliveriesOf(p, a)
	if err != nil {
		c.Logger.Warn("a deployment can't be read, leaving it out", "repository", p.Owner+"/"+p.Name, "deployment", a.ID, "error", err)
		return nil
	}
	if len(deliveries) == 0 {
		deployment, err := c.bulk.deploymentOf(p, a)
		if err == nil && deployment.ID > 0 {
			_, err = c.accept(ctx, dora.GitHub, dora.DeploymentDeliveryKey(p.Host, a.ID), dora.Event{Deployment: &deployment})
		}
		return err
	}
	for _, d := range deliveries {
		status := d.Event.Status
		if status.ID <= 0 || status.CreatedAt.Before(p.Since) {
			continue
		}
		d.Event.Backfilled = false
		isNew, err := c.accept(ctx, d.Source, d.Key, d.Event)
		if err != nil {
			return err
		}
		if isNew && status.CreatedAt.Before(c.Now().Add(-grace)) {
			c.Logger.Info("stored a status that no webhook brought", "repository", p.Owner+"/"+p.Name, "deployment", a.ID, "status", status.State, "created", status.CreatedAt)
			c.OnChecked(KindStatus, c.Name, 0, 1, 1)
		}
	}
	return nil
}
