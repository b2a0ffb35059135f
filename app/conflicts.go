package app

import (
	"context"
	"log/slog"
	"time"

	"dora-exporter/dora"
	"dora-exporter/receivers"
)

const (
	// compareTimeout bounds the read of the stored event, because the sender waits for it.
	compareTimeout = time.Second
	// summaryInterval is the time between two log lines about the same event, which clients can cause at any rate.
	summaryInterval = time.Second
)

// deliveryReader reads a stored delivery.
type deliveryReader interface {
	DeliveryOf(ctx context.Context, key string) (dora.StoredDelivery, bool, error)
}

// conflictInbox is an inbox that reports redeliveries that differ from the stored event. The stored event is kept: facts are
// only added, so its numbers can't change. A change of an issue at an earlier time is stored, too: the rules count the change once, at
// the earliest of its times, whichever arrives first.
type conflictInbox struct {
	receivers.Inbox

	stored deliveryReader
	count  func()
	report *dora.Summary[struct{}, conflict]
}

// conflict is a redelivery that differs from the stored event.
type conflict struct {
	key         string
	differences []dora.Conflict
}

func newConflictInbox(inbox receivers.Inbox, known deliveryReader, count func(), logger *slog.Logger) *conflictInbox {
	return &conflictInbox{inbox, known, count, dora.NewSummary(summaryInterval, func(_ struct{}, n int, c conflict) {
		args := []any{"key", c.key, "requests", n}
		for _, d := range c.differences {
			args = append(args, "stored_"+d.Field, d.Stored, "received_"+d.Field, d.Received)
		}
		logger.Warn("redelivery differs from the stored event of the same id, keeping the stored one", args...)
	})}
}

// Accept stores a delivery and compares a duplicate with the stored event.
func (c *conflictInbox) Accept(ctx context.Context, d dora.Delivery) (bool, error) {
	duplicate, err := c.Inbox.Accept(ctx, d)
	if !duplicate || err != nil {
		return duplicate, err
	}
	stored, known := c.storedEvent(ctx, d.Key)
	if !known {
		return true, nil
	}
	if dora.IsEarlier(stored, d.Event) {
		d.Key = dora.EarlierDeliveryKey(d.Key, d.Event.Incident.OwnTime())
		return c.Inbox.Accept(ctx, d)
	}
	if differences := dora.Conflicts(stored, d.Event); len(differences) > 0 {
		c.count()
		c.report.Add(struct{}{}, conflict{d.Key, differences})
	}
	return true, nil
}

// storedEvent returns the event of a stored delivery. If it can't be read, a duplicate stays one: errors of the store are reported
// elsewhere.
func (c *conflictInbox) storedEvent(ctx context.Context, key string) (dora.Event, bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), compareTimeout)
	defer cancel()
	stored, found, err := c.stored.DeliveryOf(ctx, key)
	return stored.Event, err == nil && found && stored.Unreadable == nil
}
