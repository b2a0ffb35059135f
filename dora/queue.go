package dora

import (
	"context"
	"errors"
	"time"
)

// ErrLeaseLost is in the error of a transaction that ends or postpones work which another client holds, or has claimed since this
// client did, even if that one has ended and released it. Nothing of the transaction is stored.
var ErrLeaseLost = errors.New("another client has claimed this work")

// Queue is work of one kind that waits in the store: deliveries to be processed, commits to be looked up, evaluations to be
// made. Rules add the work, and a transaction ends it, postpones it or sets it aside (DeliveryTx, CommitTx, EvaluationTx); the
// client gives up its lease afterwards.
//
// Times are readings of the store's clock, which the client gives. An engine reads no other clock and never changes a due time by
// itself, neither at a start nor when somebody sets the clock of the machine.
type Queue[T any] interface {
	// Claim returns at most limit items that are due, that is, whose due time is at or before now, and that are leased to nobody,
	// in the order of the queue, and leases them to this client until now+lease. From that time on a lease counts as none, so
	// that the work of a client that has died goes to another one. An item is returned neither after a transaction has ended it
	// nor while one that ends it is under way.
	Claim(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]T, error)
	// Extend renews the leases of items that this client still holds until now+lease. Those that another client has claimed
	// are left to it.
	Extend(ctx context.Context, now time.Time, lease time.Duration, items ...T) error
	// Release gives up the leases of items that this client still holds, so that those that have not ended can be claimed again
	// when they are due. It is called after the transaction that ends or postpones them.
	Release(ctx context.Context, items ...T) error
}
