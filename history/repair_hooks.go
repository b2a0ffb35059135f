package history

import (
	"context"
	"errors"
	"slices"
	"time"

	"dora-exporter/dora"
)

// foundHooks are the webhooks of an owner and its repositories.
type foundHooks struct {
	at         time.Time
	owner      []dora.Hook
	repository map[string][]dora.Hook
	// asked is when the repositories were asked for theirs.
	asked map[string]time.Time
	// gone are the repositories of which a webhook was gone when its deliveries were listed, ofOwner if it was one of the owner.
	gone map[string]bool
}

// ofOwner is the key in foundHooks.gone of a webhook that was the owner's. No repository has this name.
const ofOwner = ""

const (
	// hooksInterval is the time between two looks for the webhooks of an owner, repositoryHooksInterval for those of a repository.
	hooksInterval           = time.Hour
	repositoryHooksInterval = dora.Day
	// maxRefused is how many repositories may refuse to show their webhooks before no other one is asked.
	maxRefused = 3
	// fewHooks is the number of webhooks of repositories up to which their deliveries are listed by each check of the account, else once in a
	// compareInterval.
	fewHooks = 20
)

// hasManyHooks reports whether the repositories of the account have more than fewHooks webhooks.
func (c *accountCheck) hasManyHooks() bool {
	n := 0
	for _, found := range c.found {
		for _, hooks := range found.repository {
			n += len(hooks)
		}
	}
	return n > fewHooks
}

// dropHook removes a webhook that may be gone, so that it is looked for again by the next check. The others stay: when they were there last
// is still known.
func (c *accountCheck) dropHook(owner string, hook dora.Hook) {
	found := c.found[owner]
	without := func(name string, hooks []dora.Hook) []dora.Hook {
		left := slices.DeleteFunc(slices.Clone(hooks), func(h dora.Hook) bool { return h.Path == hook.Path })
		if len(left) < len(hooks) {
			found.gone[name] = true
		}
		return left
	}
	found.owner = without(ofOwner, found.owner)
	for name, hooks := range found.repository {
		found.repository[name] = without(name, hooks)
	}
	c.found[owner] = found
}

// isKnown reports whether a repository need not be asked for its webhooks now.
func (f foundHooks) isKnown(name string, now time.Time) bool {
	asked := f.asked[name]
	return !asked.IsZero() && now.Sub(asked) < repositoryHooksInterval && !f.gone[name] && !f.gone[ofOwner]
}

// hooksOf returns the webhooks of an owner, else those of its repositories. They are looked for from time to time.
func (c *accountCheck) hooksOf(ctx context.Context, owner string, names []string) (foundHooks, error) {
	now, found := c.Now(), c.found[owner]
	if !found.at.IsZero() && len(found.gone) == 0 && now.Sub(found.at) < hooksInterval {
		return found, nil
	}
	if found.repository == nil {
		found = foundHooks{repository: map[string][]dora.Hook{}, asked: map[string]time.Time{}}
	}
	err := c.call(ctx, func() (err error) { found.owner, err = c.Hooks.OfOwner(ctx, owner); return err })
	if err != nil && !errors.Is(err, dora.ErrNoHooks) {
		return found, err
	}
	if len(found.owner) > 0 { // those of repositories are not looked for any more, and may be inactive
		clear(found.repository)
		clear(found.asked)
	}
	refused := 0
	for _, name := range names {
		if len(found.owner) > 0 || refused == maxRefused {
			break
		}
		if found.isKnown(name, now) {
			continue
		}
		var hooks []dora.Hook
		err := c.call(ctx, func() (err error) { hooks, err = c.Hooks.OfRepository(ctx, owner, name); return err })
		switch {
		case errors.Is(err, dora.ErrNoHooks):
			refused++
		case err != nil:
			return found, err
		default:
			found.asked[name] = now
		}
		found.repository[name] = hooks
	}
	if found.at.IsZero() && refused == maxRefused || err != nil && len(found.asked) == 0 {
		c.Logger.Info("webhooks can't be read, comparing deployments every hour instead; give the credential read access to webhooks", "account", c.Name, "owner", owner, "error", err)
	}
	found.at, found.gone = now, map[string]bool{}
	c.found[owner] = found
	return found, nil
}
