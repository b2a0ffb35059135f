package dora

import (
	"context"
	"errors"
)

// ErrStoreFailing is in the error of an Update that failed because of the disk, not because of its data. It may work later.
var ErrStoreFailing = errors.New("the store can't write now")

// Transactor runs transactions.
type Transactor interface {
	// Update runs f in one transaction, which is rolled back if f returns an error. What it wrote is durable when Update returns
	// nil. f may be called again if other changes of the same commit failed. ErrStoreFailing is temporary.
	Update(ctx context.Context, f func(Tx) error) error
}

// Revisions notify of commits of any process. Each commit that changes something has a revision, greater than all earlier ones.
type Revisions interface {
	// Revision returns the revision of the newest commit that is known.
	Revision() int64
	// WaitAfter returns nil as soon as there is a commit after a revision, and the error of ctx when that ends first. Commits of
	// other processes may be noticed late: callers look at least every two seconds.
	WaitAfter(ctx context.Context, revision int64) error
}

// FactLog reads the facts.
type FactLog interface {
	// Facts returns at most limit facts after a position, in their order. It checks each one's checksum and that no position is
	// missing.
	Facts(ctx context.Context, after int64, limit int) ([]Fact, error)
}
