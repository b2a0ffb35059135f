package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"dora-exporter/dora"
)

const (
	// attemptsOverlap is how long before the last check the attempts of a webhook are listed again: one is listed when it has ended.
	attemptsOverlap = 5 * time.Minute
	// saveEvery is the number of deliveries after which the state of a check is stored.
	saveEvery = 20
	// maxListings limits the attempts to read a list whose cursor becomes invalid.
	maxListings = 3
)

// hookState is how far the deliveries of a webhook were checked.
type hookState struct {
	// Checked is when the newest attempt was made up to which all were checked, by the server's clock.
	Checked time.Time `json:"checked,omitzero"`
	// Handled has the newest attempts of failed events, by their GUIDs, that were repaired and may be listed again.
	Handled map[string]time.Time `json:"handled,omitempty"`
	// Lost is when the newest event was sent that could be neither fetched nor delivered again. Only a comparison can find it.
	Lost time.Time `json:"lost,omitzero"`
}

// attempts sums up the attempts to deliver an event.
type attempts struct {
	first, newest dora.HookDelivery
	delivered     bool
}

// checkHook repairs what a webhook failed to deliver, the oldest first. It returns the time from which on its deliveries are
// complete.
func (c *accountCheck) checkHook(ctx context.Context, owner string, hook dora.Hook) (since time.Time, err error) {
	now := c.Now()
	part := repairPrefix + c.Name + hook.Path
	var state hookState
	if err := c.load(ctx, part, &state); err != nil {
		return since, err
	}
	completeSince := func() time.Time { return later(later(hook.Changed, state.Lost), now.Add(-c.Window)) }
	if last := c.listed[hook.Path]; strings.HasPrefix(hook.Path, "/repos/") && c.hasManyHooks() && !last.IsZero() && now.Sub(last) < compareInterval {
		return completeSince(), nil
	}
	events, newest, err := c.list(ctx, owner, hook.Path, later(later(state.Checked.Add(-attemptsOverlap), c.Created), now.Add(-redeliveryWindow)))
	if err != nil {
		return since, err
	}
	checked := 0
	var failed []*attempts
	for guid, e := range events {
		if e.first.At.After(state.Checked) {
			checked++
		}
		if !e.delivered && e.newest.At.After(state.Handled[guid]) {
			failed = append(failed, e)
		}
	}
	c.OnChecked(KindDelivery, c.Name, checked, 0, 0)
	slices.SortFunc(failed, func(a, b *attempts) int { return a.first.At.Compare(b.first.At) })
	if state.Handled == nil {
		state.Handled = map[string]time.Time{}
	}
	for i, e := range failed {
		if err := c.repair(ctx, owner, hook, e); errors.Is(err, errLost) {
			state.Lost = later(state.Lost, e.first.At)
		} else if err != nil {
			return since, errors.Join(err, c.saveHook(context.WithoutCancel(ctx), part, state))
		}
		state.Handled[e.newest.GUID] = e.newest.At
		state.Checked = later(state.Checked, e.first.At)
		if i%saveEvery == saveEvery-1 {
			if err := c.saveHook(ctx, part, state); err != nil {
				return since, err
			}
		}
	}
	state.Checked, c.listed[hook.Path] = later(state.Checked, newest), now
	c.newestAttempts[hook.Path] = state.Checked
	return completeSince(), c.saveHook(ctx, part, state)
}

// saveHook stores a state without what will not be listed again.
func (c *accountCheck) saveHook(ctx context.Context, part string, state hookState) error {
	for guid, at := range state.Handled {
		if at.Before(state.Checked.Add(-attemptsOverlap)) {
			delete(state.Handled, guid)
		}
	}
	return c.save(ctx, part, state)
}

// list returns the attempts to deliver events of deployments since a time, by the GUIDs of the events, and when the newest attempt for any
// event was made.
func (c *accountCheck) list(ctx context.Context, owner, hook string, since time.Time) (events map[string]*attempts, newest time.Time, err error) {
	for listings := 1; ; listings++ {
		events, newest, err = c.listOnce(ctx, owner, hook, since)
		if !errors.Is(err, errCursor) || listings == maxListings {
			return events, newest, err
		}
	}
}

// errCursor reports that the cursor of a list is no longer valid, errLost that the server no longer has a delivery.
var (
	errCursor = errors.New("the list of deliveries can't be continued")
	errLost   = errors.New("the server does not have the delivery any more")
)

func (c *accountCheck) listOnce(ctx context.Context, owner, hook string, since time.Time) (events map[string]*attempts, newest time.Time, err error) {
	events = map[string]*attempts{}
	seen := map[string]bool{}
	for cursor := ""; ; {
		page, next, err := retryPage(ctx, &c.bulk.asker, func() ([]dora.HookDelivery, string, error) {
			return c.Hooks.Deliveries(ctx, owner, hook, cursor)
		})
		if cursor != "" && errors.Is(err, dora.ErrNoHooks) {
			return nil, newest, fmt.Errorf("%w: %v", errCursor, err) //nolint:errorlint // the webhook is there
		}
		if err != nil {
			return nil, newest, err
		}
		for _, d := range page {
			if d.GUID == "" || d.At.IsZero() { // such as null
				continue
			}
			if d.At.Before(since) {
				return events, newest, nil
			}
			newest = later(newest, d.At)
			if (d.Event == "deployment" || d.Event == "deployment_status") && (d.Action == "" || d.Action == "created") {
				addAttempt(events, d)
			}
		}
		if next == "" || len(page) == 0 {
			return events, newest, nil
		}
		if seen[next] {
			return nil, newest, fmt.Errorf("%w: its cursor repeats", errCursor)
		}
		cursor, seen[next] = next, true
	}
}

// addAttempt adds an attempt that is older than those that were added before.
func addAttempt(events map[string]*attempts, d dora.HookDelivery) {
	e := events[d.GUID]
	if e == nil {
		e = &attempts{newest: d}
		events[d.GUID] = e
	}
	e.first, e.delivered = d, e.delivered || d.Status/100 == 2
}

// repair stores an event that was not delivered, or makes the server deliver it again if it does not have the payload. The error is errLost
// if neither can be.
func (c *accountCheck) repair(ctx context.Context, owner string, hook dora.Hook, failed *attempts) error {
	var payload []byte
	err := c.call(ctx, func() (err error) {
		payload, err = c.Hooks.Payload(ctx, owner, hook.Path, failed.newest.ID)
		return err
	})
	if err != nil && !errors.Is(err, dora.ErrNoHooks) {
		return err
	}
	about := []any{"hook", hook.Path, "guid", failed.newest.GUID, "delivered_at", failed.newest.At, "event", failed.newest.Event}
	if len(payload) == 0 {
		return c.redeliver(ctx, owner, hook, failed, about)
	}
	event, key, err := c.DecodeDelivery(failed.newest.Event, payload)
	if target := event.Target(); err == nil && key != "" {
		if i, known := c.AccountOf(target.Host, target.Owner); !known || i != c.index {
			err = fmt.Errorf("it is about %s/%s on %s, which another account is for, or none", target.Owner, target.Repository, target.Host)
		}
	}
	switch {
	case err != nil:
		c.Logger.Warn("an event that a webhook did not bring can't be read, leaving it out", append(about, "error", err)...)
		c.OnChecked(KindDelivery, c.Name, 0, 1, 0)
		return nil
	case key == "":
		return nil
	}
	isNew, err := c.accept(ctx, dora.GitHub, key, event)
	if err == nil && isNew {
		c.Logger.Info("stored an event that a webhook did not bring", append(about, "status", failed.newest.Status)...)
		c.OnChecked(KindDelivery, c.Name, 0, 1, 1)
	}
	return err
}

func (c *accountCheck) redeliver(ctx context.Context, owner string, hook dora.Hook, failed *attempts, about []any) error {
	err := c.call(ctx, func() error { return c.Hooks.Redeliver(ctx, owner, hook.Path, failed.newest.ID) })
	switch {
	case errors.Is(err, dora.ErrNoHooks):
		c.Logger.Warn("an event that a webhook did not bring can be neither read nor delivered again, comparing deployments instead", append(about, "error", err)...)
		c.OnChecked(KindDelivery, c.Name, 0, 1, 0)
		return errLost
	case err == nil:
		c.Logger.Info("asked GitHub to deliver an event again that a webhook did not bring", about...)
		c.OnChecked(KindDelivery, c.Name, 0, 1, 1)
	}
	return err
}
