package dora

import (
	"context"
	"errors"
	"fmt"
)

// ErrStoreFailing is in the error of an Update that failed because of the disk, not because of its data. It may work later.
var ErrStoreFailing = errors.New("the store can't write now")

// ErrTransactionFailing is in the error of an Update, with ErrStoreFailing, if the cause may also be what the transaction does: it takes too long or
// too much memory, or meets a bug of the database. Then it may fail each time while others succeed.
var ErrTransactionFailing = fmt.Errorf("%w: the transaction fails", ErrStoreFailing)

// ErrDamaged is in the error of a read that found the store damaged. Other errors may pass.
var ErrDamaged = errors.New("the store is damaged")

type backgroundKey struct{}

// InBackground returns a context with which Transactor.Update lets others go first. It is for work of which much is done at the same time, and
// which nobody waits for.
func InBackground(ctx context.Context) context.Context {
	return context.WithValue(ctx, backgroundKey{}, true)
}

// IsInBackground reports whether a context comes from InBackground.
func IsInBackground(ctx context.Context) bool { return ctx.Value(backgroundKey{}) != nil }

// Transactor runs transactions.
type Transactor interface {
	// Update runs f in one transaction. If f returns an error or panics, nothing of it is stored, and Update returns the error;
	// transactions that are committed together with it are not affected. What f wrote is durable when Update returns nil. f may be
	// called again if other changes of the same commit failed. An error with ErrStoreFailing may pass. The Tx must not be used
	// after f has returned.
	Update(ctx context.Context, f func(Tx) error) error
}

// Revisions announces commits, whichever process makes them. Each commit that changes something has a greater revision than those
// before it; a transaction that changes nothing, or is undone, has none. A caller that takes a revision, reads, and then waits for
// a later revision misses nothing.
type Revisions interface {
	// Revision returns the revision of the newest commit that is known. All that it stored can be read.
	Revision() int64
	// WaitAfter returns nil as soon as there is a commit after a revision that can be read, also if it was before the call, and the
	// error of ctx when that ends first. Commits of other processes may be noticed late: callers look at least every two seconds.
	WaitAfter(ctx context.Context, revision int64) error
}

// FactLog reads the facts.
type FactLog interface {
	// Facts returns at most limit facts after a position, in the order of positions. It fails if a fact is damaged or a position is
	// missing. If facts after that position have been removed (RemovalTx), the error says so.
	Facts(ctx context.Context, after int64, limit int) ([]Fact, error)
	// LastPosition returns the position of the newest fact, 0 if there is none.
	LastPosition(ctx context.Context) (int64, error)
}
