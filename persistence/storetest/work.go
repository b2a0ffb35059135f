package storetest

import (
	"testing"
	"time"

	"dora-exporter/dora"
)

// queue is one of the four queues of a store, whose items the rules about claims know by name.
type queue struct {
	name string
	// add stores items that are due at a time.
	add func(t *testing.T, s Store, due time.Time, names ...string)
	// open returns the queue as a client sees it.
	open func(Client) work
}

// work is a client's view of a queue.
type work interface {
	// claim claims at most so many items and returns their names.
	claim(t *testing.T, now time.Time, lease time.Duration, limit int) []string
	extend(t *testing.T, now time.Time, lease time.Duration, names ...string)
	release(t *testing.T, names ...string)
	// end removes an item that was claimed, in a transaction; again has it made again later.
	end(tx dora.Tx, name string) error
	again(tx dora.Tx, name string, due time.Time) error
}

// queues returns the four kinds of work.
func queues() []queue {
	lookup := func(name string, due time.Time) dora.Lookup { return dora.Lookup{Commit: commit(name), Due: due} }
	return []queue{
		{"deliveries", addDeliveries, func(c Client) work {
			return &claims[dora.Delivery]{
				queue: c.DeliveryQueue(), items: map[string]dora.Delivery{}, name: func(d dora.Delivery) string { return d.Key },
				done: func(tx dora.Tx, d dora.Delivery) error { return tx.Deliveries().Done(d.ID) },
				retry: func(tx dora.Tx, d dora.Delivery, due time.Time) error {
					return tx.Deliveries().Retry(d.ID, 1, 0, "why", due)
				},
			}
		}},
		{"lookups", func(t *testing.T, s Store, due time.Time, names ...string) {
			for _, name := range names {
				update(t, s, func(tx dora.Tx) error { return tx.Commits().AddLookup(lookup(name, due)) })
			}
		}, func(c Client) work {
			return &claims[dora.Lookup]{
				queue: c.LookupQueue(), items: map[string]dora.Lookup{}, name: func(l dora.Lookup) string { return l.Commit.SHA },
				done: func(tx dora.Tx, l dora.Lookup) error {
					_, err := tx.Commits().TakeWaiting(l.Commit.Key())
					return err
				},
				retry: func(tx dora.Tx, l dora.Lookup, due time.Time) error {
					l.Due = due
					return tx.Commits().RetryLookup(l)
				},
			}
		}},
		{"comparisons", addEvaluations(dora.DeploymentEvaluation), func(c Client) work { return evaluationClaims(c.ComparisonQueue()) }},
		{"evaluations", addEvaluations(dora.OutcomeEvaluation), func(c Client) work { return evaluationClaims(c.EvaluationQueue()) }},
	}
}

func addDeliveries(t *testing.T, s Store, due time.Time, names ...string) {
	t.Helper()
	accept(t, s, names...)
	for _, name := range names {
		d, _, err := s.DeliveryOf(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		update(t, s, func(tx dora.Tx) error { return tx.Deliveries().Postpone(d.ID, minute(0), due) })
	}
}

// addEvaluations adds evaluations of a kind, each in a scope of its own.
func addEvaluations(kind string) func(t *testing.T, s Store, due time.Time, names ...string) {
	return func(t *testing.T, s Store, due time.Time, names ...string) {
		t.Helper()
		for _, name := range names {
			e := dora.Evaluation{Kind: kind, Key: name, Scope: "api.github.com/acme/web/" + name, At: minute(0), ID: 1, Due: due, Ripe: due}
			update(t, s, func(tx dora.Tx) error { return tx.Evaluations().Add(e) })
		}
	}
}

func evaluationClaims(q dora.Queue[dora.Evaluation]) work {
	return &claims[dora.Evaluation]{
		queue: q, items: map[string]dora.Evaluation{}, name: func(e dora.Evaluation) string { return e.Key },
		done: func(tx dora.Tx, e dora.Evaluation) error { return tx.Evaluations().Done(e) },
		retry: func(tx dora.Tx, e dora.Evaluation, due time.Time) error {
			e.Due = due
			return tx.Evaluations().Retry(e)
		},
	}
}

// claims remembers the items that a client has claimed.
type claims[T any] struct {
	queue dora.Queue[T]
	items map[string]T
	name  func(T) string
	done  func(dora.Tx, T) error
	retry func(dora.Tx, T, time.Time) error
}

func (c *claims[T]) claim(t *testing.T, now time.Time, lease time.Duration, limit int) []string {
	t.Helper()
	items, err := c.queue.Claim(t.Context(), now, lease, limit)
	if err != nil {
		t.Error(err)
	}
	var names []string
	for _, item := range items {
		names = append(names, c.name(item))
		c.items[c.name(item)] = item
	}
	return names
}

func (c *claims[T]) extend(t *testing.T, now time.Time, lease time.Duration, names ...string) {
	t.Helper()
	if err := c.queue.Extend(t.Context(), now, lease, c.named(names)...); err != nil {
		t.Fatal(err)
	}
}

func (c *claims[T]) release(t *testing.T, names ...string) {
	t.Helper()
	if err := c.queue.Release(t.Context(), c.named(names)...); err != nil {
		t.Error(err)
	}
}

func (c *claims[T]) named(names []string) (items []T) {
	for _, name := range names {
		items = append(items, c.items[name])
	}
	return items
}

func (c *claims[T]) end(tx dora.Tx, name string) error { return c.done(tx, c.items[name]) }

func (c *claims[T]) again(tx dora.Tx, name string, due time.Time) error {
	return c.retry(tx, c.items[name], due)
}
