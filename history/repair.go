package history

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"dora-exporter/dora"
)

// RepairStore is the store as a repair uses it.
type RepairStore interface {
	Store
	// Accept stores a delivery unless it is there already.
	Accept(ctx context.Context, d dora.Delivery) (duplicate bool, err error)
}

// Kinds of what a repair checks.
const (
	// KindDelivery are the events that GitHub lists as deliveries of a webhook.
	KindDelivery = "delivery"
	// KindStatus are statuses of deployments that were read in bulk.
	KindStatus = "deployment_status"
	// KindIssue are events of issues that Jira's search has found.
	KindIssue = "issue_event"
)

// How missing events are found.
//
// Deliveries. Where GitHub lets the account read webhooks, their deliveries are listed since the last check. Of an event whose delivery
// failed, the payload is fetched and stored; if GitHub does not have it any more, it is asked to deliver the event again.
//
// Comparison. Where webhooks can't be read, and for the time that their lists don't cover, the newest deployments of the repositories that
// events have named lately are read in bulk, and their statuses compared with those that are stored.
//
// Issues. The issues that Jira says were updated since the last check are read with their changes, and each change is made the event that
// a webhook would have brought.
//
// All events go through the same inbox as those of webhooks, with the same keys: an event that was found twice, or whose webhook arrives
// after all, counts once. How far a check got is stored, so that the next one, of this server or another, continues there.

// Repair finds events that no webhook has brought, and stores them as if one had: at the start, and then from time to time. Each account of
// GitHub, and Jira, is checked by itself, by one server at a time.
type Repair struct {
	// Interval is the time between two checks of an account, IssueInterval that between two of Jira; 0 turns them off.
	Interval, IssueInterval time.Duration
	Accounts                []RepairAccount
	// AccountOf returns the index of the account for a repository by host and owner; false if there is none.
	AccountOf func(host, owner string) (int, bool)
	// Issues reads issues; nil if there are none to be read.
	Issues *Jira
	Store  RepairStore
	// DecodeDeployment decodes the payload of a webhook about a deployment. DecodeDelivery decodes what a webhook of GitHub has sent, and returns
	// its delivery key, empty for an event that is not read.
	DecodeDeployment func(payload []byte) (dora.Event, error)
	DecodeDelivery   func(event string, payload []byte) (dora.Event, string, error)
	// NeedsFlags is that of a Backfill.
	NeedsFlags func(environment string) bool
	// Created is when the store was created: what happened before belongs to History, and is left to a backfill.
	Created time.Time
	// Runner names this server among those that share the store, if any do.
	Runner string
	Shared bool
	Logger *slog.Logger
	// Now is the clock of the machine, Clock that of the store.
	Now, Clock func() time.Time
	Sleep      func(ctx context.Context, d time.Duration)
	// OnChecked is called with the numbers of events of a kind that were checked, that no webhook had brought, and that were repaired:
	// stored, or requested again.
	OnChecked func(kind, account string, checked, missing, repaired int)

	prepare     sync.Once
	tasks       []repairTask
	checkedOnce chan struct{}
}

// RepairAccount is an account for a GitHub server.
type RepairAccount struct {
	// Name is that of the account in metrics.
	Name string
	// Host is the host of the server's API, used where an answer does not name it.
	Host string
	// Window is for how long the server lists deliveries.
	Window time.Duration
	Hooks  Hooks
	GitHub GitHub
	// Repositories are some of its repositories, as owner/name.
	Repositories []string
}

// Hooks reads webhooks and their deliveries. An error has dora.ErrNoHooks if the same call would fail again.
type Hooks interface {
	// Available returns why no call can be made for an owner; nil if calls can be made.
	Available(ctx context.Context, owner string) error
	// OfApp, OfOwner and OfRepository return the webhooks that send deployments to an exporter.
	OfApp(ctx context.Context) ([]dora.Hook, error)
	OfOwner(ctx context.Context, owner string) ([]dora.Hook, error)
	OfRepository(ctx context.Context, owner, name string) ([]dora.Hook, error)
	// Deliveries returns a page of the attempts of a webhook, the newest first, and the cursor of the next one, empty after the last.
	Deliveries(ctx context.Context, owner, hook, cursor string) (page []dora.HookDelivery, next string, err error)
	// Payload returns what an attempt has sent, nothing if the server does not have it any more. Redeliver makes the server send it again.
	Payload(ctx context.Context, owner, hook string, delivery int64) ([]byte, error)
	Redeliver(ctx context.Context, owner, hook string, delivery int64) error
}

// grace is how old an event must be to count as missing: the webhook of a younger one may be under way. It is stored all the same.
const grace = time.Minute

// Run checks until ctx ends.
func (r *Repair) Run(ctx context.Context) {
	r.init()
	var first, running sync.WaitGroup
	for _, t := range r.tasks {
		for _, kind := range t.kinds {
			r.OnChecked(kind, t.account, 0, 0, 0)
		}
		first.Add(1)
		running.Go(func() { r.runTask(ctx, t, sync.OnceFunc(first.Done)) })
	}
	running.Go(func() {
		first.Wait()
		close(r.checkedOnce)
	})
	running.Wait()
}

func (r *Repair) init() {
	r.prepare.Do(func() { r.tasks, r.checkedOnce = r.newTasks(), make(chan struct{}) })
}

const (
	// firstCheckLimit is how long WaitFirst waits at most for the first check, firstProcessedLimit how long for the events that it has stored.
	firstCheckLimit     = 10 * time.Minute
	firstProcessedLimit = time.Minute
)

// WaitFirst returns when everything has been checked once since the start, or could not be, and the events that were found are processed:
// what is evaluated afterwards has its neighbours of the time of a stop. The wait is limited.
func (r *Repair) WaitFirst(ctx context.Context) {
	r.init()
	ctx, cancel := context.WithTimeout(ctx, firstCheckLimit)
	defer cancel()
	select {
	case <-r.checkedOnce:
	case <-ctx.Done():
		return
	}
	if len(r.tasks) > 0 {
		_ = r.waitUntilProcessed(ctx, firstProcessedLimit) // evaluations read the store, too, and say what is wrong
	}
}

// waitUntilProcessed returns when no deliveries are pending, or after a time.
func (r *Repair) waitUntilProcessed(ctx context.Context, limit time.Duration) error {
	for end := r.Now().Add(limit); r.Now().Before(end); {
		backlog, err := r.Store.Backlog(ctx)
		if err != nil || backlog.Deliveries == 0 {
			return err
		}
		r.Sleep(ctx, pendingWait)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// newTasks returns what is checked, each by itself.
func (r *Repair) newTasks() (all []repairTask) {
	if r.Interval > 0 {
		for i := range r.Accounts {
			c := newAccountCheck(r, i)
			all = append(all, repairTask{repairPrefix + c.Name, c.Name, []string{KindDelivery, KindStatus}, r.Interval, c.run})
		}
	}
	if r.Issues != nil && r.IssueInterval > 0 {
		c := newIssueCheck(r)
		all = append(all, repairTask{repairPrefix + dora.Jira + "/" + c.site, c.site, []string{KindIssue}, r.IssueInterval, c.run})
	}
	return all
}

// repairPrefix begins the names of the parts that keep how far was checked.
const repairPrefix = "repair/"

// accept stores an event as a webhook would, and reports whether it is new.
func (r *Repair) accept(ctx context.Context, source, key string, e dora.Event) (isNew bool, err error) {
	duplicate, err := r.Store.Accept(ctx, dora.Delivery{Source: source, Key: key, Received: r.Now(), Event: e})
	return !duplicate, err
}

// load reads the state of a part; its zero value if there is none.
func (r *Repair) load(ctx context.Context, part string, state any) error {
	return r.Store.Update(ctx, func(tx dora.Tx) error {
		_, err := tx.Backfill().Part(part, state)
		return err
	})
}

func (r *Repair) save(ctx context.Context, part string, state any) error {
	return r.Store.Update(ctx, func(tx dora.Tx) error { return tx.Backfill().SavePart(part, state) })
}
