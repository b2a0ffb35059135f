package sqlstore

import (
	"context"
	"strconv"
	"strings"
	"time"

	"dora-exporter/dora"
)

// The queues.
const (
	deliveryQueue   = "deliveries"
	lookupQueue     = "lookups"
	comparisonQueue = "comparisons"
	evaluationQueue = "evaluations"
)

var allQueues = []string{deliveryQueue, lookupQueue, comparisonQueue, evaluationQueue}

// Client claims work under its own name. The Store itself is a client, too, for a process that is the only one.
type Client struct {
	*Store
	name string
}

// Client returns another client. The name must be unique.
func (s *Store) Client(name string) *Client { return &Client{Store: s, name: name} }

// DeliveryQueue returns the queue of pending deliveries, in the order of Pending.
func (s *Store) DeliveryQueue() dora.Queue[dora.Delivery] { return s.Client("").DeliveryQueue() }

// LookupQueue returns the queue of look-ups of commits, the longest due first.
func (s *Store) LookupQueue() dora.Queue[dora.Lookup] { return s.Client("").LookupQueue() }

// ComparisonQueue returns the queue of evaluations of deployments, only the first of each scope, the longest due first.
func (s *Store) ComparisonQueue() dora.Queue[dora.Evaluation] { return s.Client("").ComparisonQueue() }

// EvaluationQueue returns the queue of the other evaluations, the longest due first.
func (s *Store) EvaluationQueue() dora.Queue[dora.Evaluation] { return s.Client("").EvaluationQueue() }

// DeliveryQueue returns the client's view of the queue of deliveries.
func (c *Client) DeliveryQueue() dora.Queue[dora.Delivery] {
	return workQueue[dora.Delivery]{c, deliveryQueue, c.Pending, (*Reader).Pending, func(d dora.Delivery) string { return strconv.FormatInt(d.ID, 10) }}
}

// LookupQueue returns the client's view of the queue of look-ups.
func (c *Client) LookupQueue() dora.Queue[dora.Lookup] {
	return workQueue[dora.Lookup]{c, lookupQueue, c.DueLookups, dueLookupsIn, func(j dora.Lookup) string { return j.Commit.Key() }}
}

// ComparisonQueue returns the client's view of the queue of evaluations of deployments.
func (c *Client) ComparisonQueue() dora.Queue[dora.Evaluation] {
	return workQueue[dora.Evaluation]{c, comparisonQueue, c.DueComparisons, (*Reader).DueComparisons, evaluationKey}
}

// EvaluationQueue returns the client's view of the queue of other evaluations.
func (c *Client) EvaluationQueue() dora.Queue[dora.Evaluation] {
	return workQueue[dora.Evaluation]{c, evaluationQueue, c.DueEvaluations, (*Reader).DueEvaluations, evaluationKey}
}

// Update runs f in one transaction, which fails with dora.ErrLeaseLost if it ends work that another client has claimed.
func (c *Client) Update(ctx context.Context, f func(dora.Tx) error) error {
	return c.updateAs(ctx, c.name, func(t *tx) error { return f(t) })
}

// evaluationKey returns a key that is unique among the evaluations of a queue. That of a deployment has its scope, with its
// length.
func evaluationKey(s dora.Evaluation) string {
	if s.Kind == dora.DeploymentEvaluation {
		return strconv.Itoa(len(s.Scope)) + "/" + s.Scope + "/" + s.Key
	}
	return s.Kind + "/" + s.Key
}

// exclusion returns what is leased together with a key: of the evaluations of deployments the scope, since an earlier deployment may arrive
// while one is evaluated.
func exclusion(queue, key string) string {
	if queue == comparisonQueue {
		length, rest, _ := strings.Cut(key, "/")
		if n, err := strconv.Atoi(length); err == nil && n <= len(rest) {
			return rest[:n]
		}
	}
	return key
}

// evaluationWork returns the queue and key of an evaluation.
func evaluationWork(s dora.Evaluation) work {
	if s.Kind == dora.DeploymentEvaluation {
		return work{comparisonQueue, evaluationKey(s)}
	}
	return work{evaluationQueue, evaluationKey(s)}
}

// workQueue is a client's view of a queue. It implements dora.Queue.
type workQueue[T any] struct {
	client *Client
	name   string
	due    func(ctx context.Context, now time.Time, limit int) ([]T, error)
	// dueIn does the same with any reader, without a change.
	dueIn func(r *Reader, ctx context.Context, now time.Time, limit int) ([]T, error)
	key   func(T) string
}

func (q workQueue[T]) Claim(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]T, error) {
	if q.client.shared != nil {
		if waiting, err := q.due(ctx, now, 1); err != nil || len(waiting) == 0 { // without a transaction, which others would wait for
			return nil, err
		}
		return claimShared(ctx, q.client.Store, q.client.name, q.name, now, now.Add(lease), limit, q.key, func(r *Reader, limit int) ([]T, error) {
			return q.dueIn(r, ctx, now, limit)
		})
	}
	return claim(q.client.leases, q.client.name, q.name, now, now.Add(lease), limit, q.key, func(limit int) ([]T, error) {
		return q.due(ctx, now, limit)
	})
}

func (q workQueue[T]) Extend(ctx context.Context, now time.Time, lease time.Duration, items ...T) error {
	if q.client.shared != nil {
		return q.client.extendShared(ctx, q.client.name, q.name, now.Add(lease), q.keys(items))
	}
	q.client.leases.extend(q.client.name, now.Add(lease), q.work(items)...)
	return nil
}

func (q workQueue[T]) Release(ctx context.Context, items ...T) error {
	if q.client.shared != nil {
		return q.client.releaseShared(ctx, q.client.name, q.name, q.work(items))
	}
	q.client.leases.release(q.client.name, q.work(items)...)
	return nil
}

func (q workQueue[T]) keys(items []T) []string {
	all := make([]string, len(items))
	for i, item := range items {
		all[i] = q.key(item)
	}
	return all
}

func (q workQueue[T]) work(items []T) []work {
	all := make([]work, len(items))
	for i, key := range q.keys(items) {
		all[i] = work{q.name, key}
	}
	return all
}

// dueLookupsIn returns due look-ups without those that can't be decoded.
func dueLookupsIn(r *Reader, ctx context.Context, now time.Time, limit int) ([]dora.Lookup, error) { //nolint:revive // as a method expression
	jobs, _, err := r.dueLookups(ctx, now, limit)
	return jobs, err
}
