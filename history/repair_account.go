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

const (
	// activeSince is the greatest age of the newest event of a repository for the repository to be checked.
	activeSince = 30 * dora.Day
	// compareInterval is the time between two comparisons in bulk of an owner whose webhooks can't be read, and between two looks at the
	// deliveries of a repository's webhook if there are many of them. A webhook of an App that has sent nothing for so long may be inactive.
	compareInterval = time.Hour
	// maxRepairFailures is how often a call may fail before a check ends. The next check begins soon, and continues it.
	maxRepairFailures = 5
	// compareOverlap is how long before the last check statuses are compared again.
	compareOverlap = 10 * time.Minute
)

// accountCheck checks the owners of an account.
type accountCheck struct {
	*Repair
	RepairAccount

	index int
	// bulk reads deployments in bulk.
	bulk Backfill
	// found are the webhooks of owners.
	found map[string]foundHooks
	// compared are the owners that this process has compared in bulk, and saved is the time up to which its last check that was stored has
	// checked an owner: with another time, the last check was one of another process, which seen knows nothing of.
	compared map[string]bool
	saved    map[string]time.Time
	// seen is when the webhook of a repository, or of its owner, was looked for and there, by owner/name. A check that ends early does not change it.
	seen map[string]time.Time
	// hosts are those by which events call repositories, by owner/name in lower case.
	hosts map[string]string
	// listed is when the deliveries of a webhook were listed last, by its path.
	listed map[string]time.Time
	// newestAttempts is when the newest attempt of a webhook was made, by its path.
	newestAttempts map[string]time.Time
}

func newAccountCheck(r *Repair, index int) *accountCheck {
	c := &accountCheck{
		Repair: r, RepairAccount: r.Accounts[index], index: index, found: map[string]foundHooks{}, compared: map[string]bool{}, saved: map[string]time.Time{},
		seen: map[string]time.Time{}, hosts: map[string]string{}, listed: map[string]time.Time{}, newestAttempts: map[string]time.Time{},
	}
	c.bulk = Backfill{
		GitHub: c.GitHub, Store: r.Store, DecodeDeployment: r.DecodeDeployment, NeedsFlags: r.NeedsFlags, Host: c.Host, Logger: r.Logger,
		Now: r.Now, Sleep: r.Sleep,
	}
	c.bulk.prepare()
	c.bulk.maxFailures = maxRepairFailures
	return c
}

// ownerState is how far an owner was checked.
type ownerState struct {
	// Checked is the time up to which all statuses are stored, Compared when they were last compared in bulk.
	Checked  time.Time `json:"checked,omitzero"`
	Compared time.Time `json:"compared,omitzero"`
	// ByApp is true if the last check relied on the deliveries of the App's webhook.
	ByApp bool `json:"by_app,omitempty"`
	// ByWebhooks is true if the last check relied on the deliveries of a webhook of the owner, or of one of its repositories.
	ByWebhooks bool `json:"by_webhooks,omitempty"`
	// Unanswered are repositories that could not be compared since GitHub did not answer for them, with the time since when they are to be.
	Unanswered map[string]time.Time `json:"unanswered,omitempty"`
	// Unavailable is true if no call could be made for the owner: GitHub may not have sent its webhooks, either.
	Unavailable bool `json:"unavailable,omitempty"`
}

// appDeliveries are the deliveries of the webhook of an App. GitHub does not tell whether that is active, so they are complete up to the
// newest attempt only.
type appDeliveries struct {
	// listed is true if they could be listed.
	listed bool
	// since is the time from which on they are complete, newest when the newest attempt was made.
	since, newest time.Time
}

// isQuiet reports whether the webhook has sent nothing for so long that it may be inactive.
func (a appDeliveries) isQuiet(now time.Time) bool { return now.Sub(a.newest) >= compareInterval }

// run checks all owners of the account, as far as they can be checked.
func (c *accountCheck) run(ctx context.Context) error {
	c.bulk.refused = nil
	owners, err := c.owners(ctx)
	if err != nil {
		return err
	}
	var app []dora.Hook
	if err := c.call(ctx, func() (err error) { app, err = c.Hooks.OfApp(ctx); return err }); err != nil && !errors.Is(err, dora.ErrNoHooks) {
		return err
	}
	var deliveries appDeliveries
	for _, hook := range app {
		since, err := c.checkHook(ctx, "", hook)
		if err != nil && !errors.Is(err, dora.ErrNoHooks) {
			return err
		}
		if err == nil {
			deliveries = appDeliveries{listed: true, since: since, newest: c.newestAttempts[hook.Path]}
		}
	}
	var failed []error
	for _, owner := range slices.Sorted(maps.Keys(owners)) {
		failed = append(failed, c.checkOwner(ctx, owner, owners[owner], deliveries))
	}
	return errors.Join(append(failed, ctx.Err())...)
}

// call makes a call again until it is answered, or fails for good.
func (c *accountCheck) call(ctx context.Context, f func() error) error { return c.bulk.retry(ctx, f) }

// owners returns the repositories that events have named lately, and those that are configured, by their owners in lower case.
func (c *accountCheck) owners(ctx context.Context) (map[string][]string, error) {
	owners := map[string][]string{}
	add := func(owner, name string) {
		owner, name = strings.ToLower(owner), strings.ToLower(name)
		if !slices.Contains(owners[owner], name) {
			owners[owner] = append(owners[owner], name)
		}
	}
	for _, repository := range c.Repositories {
		if owner, name, ok := strings.Cut(repository, "/"); ok && name != "*" {
			add(owner, name)
		}
	}
	err := c.Store.Update(ctx, func(tx dora.Tx) error {
		seen, err := tx.Repositories().SeenSince(c.Now().Add(-activeSince))
		for _, repository := range seen {
			if i, known := c.AccountOf(repository.Host, repository.Owner); known && i == c.index {
				add(repository.Owner, repository.Name)
				c.hosts[strings.ToLower(repository.Owner+"/"+repository.Name)] = repository.Host
			}
		}
		return err
	})
	return owners, err
}

// checkOwner checks the repositories of an owner: by the deliveries of their webhooks, and by a comparison in bulk where these are not
// complete.
func (c *accountCheck) checkOwner(ctx context.Context, owner string, names []string, app appDeliveries) error {
	part := repairPrefix + c.Name + "/owner/" + owner
	var state ownerState
	if err := c.load(ctx, part, &state); err != nil {
		return err
	}
	var inaccessible *dora.InaccessibleError
	switch err := c.Hooks.Available(ctx, owner); {
	case errors.As(err, &inaccessible):
		state.Unavailable = true
		return c.save(ctx, part, state)
	case err != nil:
		return err
	}
	began := c.Now()
	byApp := app.listed && !app.isQuiet(began)
	toCompare, since, err := c.incomplete(ctx, owner, names, state, app, app.listed && (state.Unavailable || !state.ByApp || !byApp))
	if err != nil {
		return err
	}
	isDue := !c.compared[owner] || began.Sub(state.Compared) >= compareInterval
	if len(toCompare) > 0 && !isDue {
		return nil
	}
	if isDue && len(toCompare)+len(state.Unanswered) > 0 {
		if state.Unanswered, err = c.compareAll(ctx, owner, toCompare, later(since.Add(-compareOverlap), c.Created), state.Unanswered); err != nil {
			return err
		}
		c.compared[owner], state.Compared = true, began
	}
	if len(toCompare) == 0 && byApp {
		began = later(state.Checked, app.newest)
	}
	if app.listed {
		delete(c.found, owner) // when its webhooks were there last matters no more
	}
	state.ByWebhooks = c.noteSeen(owner, names)
	state.Checked, state.ByApp, state.Unavailable = began, byApp, false
	if err := c.save(ctx, part, state); err != nil {
		return err
	}
	c.saved[owner] = state.Checked
	return nil
}

// incomplete returns the repositories of an owner of whose events since the last check not all are among the deliveries of a webhook, and the
// time since which they are to be compared. If the App's deliveries may not be complete, that is all of them.
func (c *accountCheck) incomplete(ctx context.Context, owner string, names []string, last ownerState, app appDeliveries, comparesAll bool) (toCompare []string, since time.Time, err error) {
	complete := map[string]time.Time{}
	switch {
	case comparesAll:
	case app.listed:
		for _, name := range names {
			complete[name] = app.since
		}
	default:
		complete, err = c.checkHooks(ctx, owner, names)
	}
	since = later(last.Checked, c.Created)
	for _, name := range names {
		stored := c.storedUntil(owner, name, last)
		if from, ok := complete[name]; !ok || from.After(stored) {
			toCompare, since = append(toCompare, name), earlier(since, stored)
		}
	}
	return toCompare, since, err
}

// storedUntil returns the time up to which all events of a repository are stored. That may be before the last check if it relied on a webhook of the
// repository or its owner, which may have been made inactive since it was looked for.
func (c *accountCheck) storedUntil(owner, name string, last ownerState) time.Time {
	stored := later(last.Checked, c.Created)
	if seen, ok := c.seen[owner+"/"+name]; ok {
		return earlier(stored, seen)
	}
	if last.ByWebhooks && !c.saved[owner].Equal(last.Checked) { // by another process, which looked for webhooks within the time until it looks again
		return stored.Add(-repositoryHooksInterval)
	}
	return stored
}

// noteSeen notes when the webhooks of repositories were there at last: one that was made inactive afterwards has not delivered all that was checked
// since. It returns false if there were none.
func (c *accountCheck) noteSeen(owner string, names []string) (found bool) {
	hooks := c.found[owner]
	for _, name := range names {
		key := owner + "/" + name
		switch {
		case len(hooks.owner) > 0:
			c.seen[key] = hooks.at
		case len(hooks.repository[name]) > 0:
			c.seen[key] = hooks.asked[name]
		default:
			delete(c.seen, key)
			continue
		}
		found = true
	}
	return found
}

// checkHooks checks the deliveries of the webhooks of an owner and its repositories. It returns the time from which on they are
// complete, for each repository that has any.
func (c *accountCheck) checkHooks(ctx context.Context, owner string, names []string) (complete map[string]time.Time, err error) {
	found, err := c.hooksOf(ctx, owner, names)
	if err != nil {
		return nil, err
	}
	complete = map[string]time.Time{}
	check := func(hooks []dora.Hook, names ...string) error {
		for _, hook := range hooks {
			from, err := c.checkHook(ctx, owner, hook)
			if errors.Is(err, dora.ErrNoHooks) {
				c.dropHook(owner, hook) // it may be gone
				continue
			}
			if err != nil {
				return err
			}
			for _, name := range names {
				if known, ok := complete[name]; !ok || from.Before(known) {
					complete[name] = from
				}
			}
		}
		return nil
	}
	if err := check(found.owner, names...); err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := check(found.repository[name], name); err != nil {
			return nil, err
		}
	}
	return complete, nil
}
