package dora

import (
	"errors"
	"time"
)

// What a store returns to report, explain and page, beside the types that the rules work with.

// DeliveryState says how far a stored delivery has come.
type DeliveryState string

// The states of a stored delivery.
const (
	DeliveryPending   DeliveryState = "pending"
	DeliveryProcessed DeliveryState = "processed"
	// DeliverySetAside is the state of a dead letter: it is not processed before an operator retries it.
	DeliverySetAside DeliveryState = "set_aside"
)

// StoredDelivery is a delivery with its state of processing.
type StoredDelivery struct {
	Delivery
	State DeliveryState
	// Due is the earliest time at which a pending delivery is processed; its Unix time is 0 if there is no need to wait.
	Due time.Time
	// LastError is the error of the last failed attempt; empty if none failed.
	LastError string
}

// Backlog counts the work that waits in a store.
type Backlog struct {
	// Deliveries counts the pending deliveries; Oldest is when the first of them arrived, zero if there is none.
	Deliveries int
	Oldest     time.Time
	// SetAside counts the dead letters.
	SetAside int
	// LookUps counts the commits that are still to be looked up.
	LookUps int
}

// SeriesQuery selects series of a family, and how much is returned of each.
type SeriesQuery struct {
	Family Family
	// Labels must all match.
	Labels Labels
	// MaxFacts limits the facts of each series, the newest first; -1 for all.
	MaxFacts int
	// MaxValue excludes the facts with a larger value: it is the bound of a histogram's bucket, or math.MaxInt64.
	MaxValue int64
	// MaxSeries limits how many series may match before the query fails with ErrTooManySeries; -1 for any number.
	MaxSeries int
}

// ErrTooManySeries is returned for a SeriesQuery that matches more series than its MaxSeries.
var ErrTooManySeries = errors.New("too many series have these labels")

// SeriesHistory is a series with the imported values and facts that it adds up from.
type SeriesHistory struct {
	Series
	// Imported are the values taken over from files of another program, the oldest first.
	Imported []ImportedSeries
	// Folded is what facts add up to that were removed (Removal); its Labels are nil if none was. Of a Last family it is the newest of them.
	Folded Series
	// Facts are the newest facts, the newest first; FactCount counts all of them that the query selects.
	Facts     []Fact
	FactCount int
}

// ImportedSeries is the value of a series in a file of another program.
type ImportedSeries struct {
	Series
	// Source is the path of the file, At when it was imported.
	Source string
	At     time.Time
}
