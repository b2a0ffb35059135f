package sqlstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
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
	return workQueue[dora.Delivery]{
		client: c, name: deliveryQueue, due: pendingIn,
		key: func(d dora.Delivery) string { return strconv.FormatInt(d.ID, 10) },
	}
}

// LookupQueue returns the client's view of the queue of look-ups.
func (c *Client) LookupQueue() dora.Queue[dora.Lookup] {
	return workQueue[dora.Lookup]{
		client: c, name: lookupQueue, due: (*Reader).dueLookups, dueKeys: c.dueLookupKeys, withKeys: c.lookups, postpone: c.postponeLookup,
		key: func(j dora.Lookup) string { return j.Commit.Key() },
	}
}

// ComparisonQueue returns the client's view of the queue of evaluations of deployments.
func (c *Client) ComparisonQueue() dora.Queue[dora.Evaluation] {
	return workQueue[dora.Evaluation]{
		client: c, name: comparisonQueue, due: (*Reader).dueComparisons,
		dueKeys: c.dueComparisonKeys, withKeys: c.comparisons, postpone: c.postponeEvaluation, key: evaluationKey,
	}
}

// EvaluationQueue returns the client's view of the queue of other evaluations.
func (c *Client) EvaluationQueue() dora.Queue[dora.Evaluation] {
	return workQueue[dora.Evaluation]{client: c, name: evaluationQueue, due: (*Reader).dueEvaluations, postpone: c.postponeEvaluation, key: evaluationKey}
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

// deploymentOf returns the key of the deployment whose evaluation has a key.
func deploymentOf(key string) string {
	length, rest, _ := strings.Cut(key, "/")
	n, _ := strconv.Atoi(length)
	return rest[n+1:]
}

// splitEvaluationKey returns the kind and key of the evaluation that has a key. No kind is a number.
func splitEvaluationKey(key string) (kind, of string) {
	kind, of, _ = strings.Cut(key, "/")
	if _, err := strconv.Atoi(kind); err == nil {
		return dora.DeploymentEvaluation, deploymentOf(key)
	}
	return kind, of
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
	// due returns at most limit items that are due or can't be decoded, the longest due first, and why the latter can't be, by key.
	due func(r *Reader, ctx context.Context, now time.Time, limit int) (items []T, unreadable map[string]error, err error)
	// dueKeys returns the keys of what is due, also of what can't be decoded; withKeys returns the items with some keys, and why others can't be
	// decoded. Both are nil for a queue of which nearly all that is due is claimed.
	dueKeys  func(ctx context.Context, now time.Time, limit int) ([]string, error)
	withKeys func(ctx context.Context, keys []string) (items []T, unreadable map[string]error, err error)
	// postpone makes an item with a key due later that can't be decoded, so that it holds up no other one.
	postpone func(key string, due time.Time) func(*tx) error
	key      func(T) string
}

func (q workQueue[T]) Claim(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]T, error) {
	if q.client.shared != nil {
		waiting, unreadable, err := q.due(q.client.Reader, ctx, now, 1) // without a transaction, which others would wait for
		if err == nil {
			err = q.postponeUnreadable(ctx, now, unreadable)
		}
		if err != nil || len(waiting) == 0 {
			return nil, err
		}
		return claimShared(ctx, q.client.Store, q.client.name, q.name, now, now.Add(lease), limit, q.key, func(r *Reader, limit int) ([]T, error) {
			items, _, err := q.due(r, ctx, now, limit)
			return items, err
		})
	}
	var unreadable map[string]error
	claimed, err := claim(q.client.leases, q.client.name, q.name, now, now.Add(lease), limit, q.source(ctx, now, &unreadable))
	if err == nil {
		err = q.postponeUnreadable(ctx, now, unreadable) // not within claim: transactions wait for the mutex of the leases
	}
	return claimed, err
}

// postponeUnreadable logs what can't be decoded and postpones it for an hour.
func (q workQueue[T]) postponeUnreadable(ctx context.Context, now time.Time, unreadable map[string]error) error {
	for key, why := range unreadable {
		q.client.logger.Error("stored work is unreadable, will retry in an hour", "queue", q.name, "key", key, "error", why)
		if err := q.client.update(ctx, q.postpone(key, now.Add(time.Hour))); err != nil {
			return fmt.Errorf("postpone %s of %s: %w", key, q.name, err)
		}
	}
	return nil
}

// source reads what is due at a time, and why some of it can't be decoded.
func (q workQueue[T]) source(ctx context.Context, now time.Time, unreadable *map[string]error) source[T] {
	if q.dueKeys != nil {
		return source[T]{
			keys: func(limit int) ([]string, error) { return q.dueKeys(ctx, now, limit) },
			items: func(keys []string) (items []T, err error) {
				items, *unreadable, err = q.withKeys(ctx, keys)
				return items, err
			},
			key: q.key,
		}
	}
	var items []T
	return source[T]{
		keys: func(limit int) (keys []string, err error) {
			items, *unreadable, err = q.due(q.client.Reader, ctx, now, limit)
			return q.keys(items), err
		},
		items: func([]string) ([]T, error) { return items, nil },
		key:   q.key,
	}
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

// readInChunks reads pending work with some keys, with as many queries as their number needs, and why what can't be decoded can't be. read
// gets the parameters of a query (listOf).
func readInChunks[T any](keys []string, read func(list string, args []any) ([]T, map[string]error, error)) (all []T, unreadable map[string]error, err error) {
	unreadable = map[string]error{}
	for chunk := range slices.Chunk(keys, maxQueryValues) {
		found, failed, err := read(listOf(chunk))
		if err != nil {
			return nil, nil, err
		}
		all = append(all, found...)
		maps.Copy(unreadable, failed)
	}
	return all, unreadable, nil
}
