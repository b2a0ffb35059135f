// Package storetest is the contract of the store: what every database engine must do, as tests.
//
// The interfaces below are composed of the ports that the program uses. Their doc comments state the rules, and the tests of this
// package check them. An engine passes the suite with one test:
//
//	func TestStore(t *testing.T) { storetest.Run(t, open) }
//
// The suite knows nothing of files, SQL or the engine's internals. What an engine promises beyond the contract, such as how it
// detects damage of its files, it tests itself.
//
// Rules for all of it:
//
//   - Texts are compared byte by byte, never by the rules of a language: case, accents and the bytes 0x00 and 0xFF matter. A
//     search for a beginning finds what begins with exactly these bytes.
//   - Times are kept in whole milliseconds, from the zero time.Time to the end of the year 9999, and are returned in UTC.
//   - What can be found by one method can be found by all of them as soon as the Update or Accept that stored it has returned.
package storetest

import (
	"context"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/explain"
	"dora-exporter/export"
	"dora-exporter/page"
	"dora-exporter/report"
)

// Client is one of several programs that use a store, or the only one. Each claims work for itself.
type Client interface {
	pipeline.DeliveryStore
	pipeline.LookupStore
	pipeline.EvaluationStore
	pipeline.ProjectionStore
}

// Reader reads everything that people are shown.
type Reader interface {
	dora.Archive
	explain.RecordReader
	explain.DeploymentReader
	explain.IncidentReader
	explain.EvidenceReader
	explain.WorkReader
	explain.FactReader
	export.Reader
	page.Reader
	report.Reader
}

// Store is an open store of the engine under test. It is a Client itself.
type Store interface {
	Client
	Reader
	Inbox
	Progress
	// Client returns another client of the same store, with a name that no other one has.
	Client(name string) Client
	// Snapshot runs f with a Reader for which nothing changes, whatever is committed meanwhile: what the Reader reads at one moment is
	// of the same moment.
	Snapshot(ctx context.Context, f func(Reader) error) error
	// SetClock sets the store's clock: it shows reading at the wall time wall.
	SetClock(ctx context.Context, reading, wall time.Time) error
	// Reopen closes the store and opens it again, as a restart of the program does. The closed one must not be used any more.
	Reopen(t *testing.T) Store
}

// Inbox takes deliveries, and gives back those that could not be processed.
type Inbox interface {
	// Accept stores a delivery and reports whether one with the same key is there already, or was removed, which is then left as it is. Only a
	// dead letter is replaced, and is pending again. When Accept returns, the delivery is durable, also that of a duplicate.
	Accept(ctx context.Context, d dora.Delivery) (duplicate bool, err error)
	// LimitBacklog limits how many deliveries may be pending. Accept fails while as many are, but for duplicates. There is no
	// limit before it is called.
	LimitBacklog(ctx context.Context, limit int) error
	// Err returns why Accept would fail at the moment; nil if it would not.
	Err() error
	// DeadLetters returns the deliveries that were set aside, in the order of arrival.
	DeadLetters(ctx context.Context) ([]dora.StoredDelivery, error)
	// RetryDeadLetters makes dead letters pending again as if they had just arrived, all of them if it is given no ID, and returns
	// how many. If one of the IDs is not that of a dead letter it fails and changes nothing. Deliveries that become pending again
	// need no room below the limit.
	RetryDeadLetters(ctx context.Context, ids ...int64) (int64, error)
}

// Progress is the store as the checkpoint and the push of deltas use it.
type Progress interface {
	// ID returns the store's random ID, which is unlike that of any other store, until SetID gives it another one.
	ID() string
	SetID(ctx context.Context, id string) error
	// Created returns when the store was created, Started the same or the earlier start of an imported checkpoint.
	Created() time.Time
	Started() time.Time
	// Sums returns what SaveSums was given last, with what RemovalTx has added; its zero value if there was neither.
	Sums(ctx context.Context) (dora.Sums, error)
	// SaveSums replaces the sums, all or nothing, unless their position is later: RemovalTx adds facts to them, too. Series that were
	// there before and are missing are 0 then.
	SaveSums(ctx context.Context, s dora.Sums) error
	// Removal returns how much RemovalTx has removed; its zero value if it has removed no facts.
	Removal(ctx context.Context) (dora.Removal, error)
	// Series returns how many series the label sets of each group of families count for.
	Series(ctx context.Context) (map[string]int, error)
	// InaccessibleRepositories returns the repositories, as owner/name in lower case, for which look-ups or evaluations of deployments
	// wait since the token may not see them, each once, in order.
	InaccessibleRepositories(ctx context.Context) ([]string, error)
	// Pushed returns what SetPushed was given last of each series, in any order, with Until exact to the nanosecond; false if
	// SetPushed was never called, or ForgetPushed was called since.
	Pushed(ctx context.Context) (series []dora.PushedSeries, known bool, err error)
	SetPushed(ctx context.Context, series []dora.PushedSeries) error
	ForgetPushed(ctx context.Context) error
}
