package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"dora-exporter/dora"
)

// deliveryStates maps the values of the column state.
var deliveryStates = [...]dora.DeliveryState{dora.DeliveryPending, dora.DeliveryProcessed, dora.DeliverySetAside}

// DeliveriesOf returns the deliveries about a deployment with a number, of any server, in the order of arrival.
func (r *Reader) DeliveriesOf(ctx context.Context, number int64) ([]dora.StoredDelivery, error) {
	all, err := r.storedDeliveries(ctx, "WHERE about = ?", strconv.FormatInt(number, 10))
	return slices.DeleteFunc(all, func(d dora.StoredDelivery) bool { return d.Event.Status == nil && d.Event.Deployment == nil }), err
}

// DeliveriesOfIncident returns the deliveries about an incident by its key, host/id.
func (r *Reader) DeliveriesOfIncident(ctx context.Context, key string) ([]dora.StoredDelivery, error) {
	all, err := r.storedDeliveries(ctx, "WHERE "+continued, continuing(strings.TrimSuffix(dora.IssueDeliveryPrefix(key), "/"))...)
	// The path of a server may look like the key of another one's issue.
	return slices.DeleteFunc(all, func(d dora.StoredDelivery) bool {
		i := d.Event.Incident
		return i != nil && i.IssueKey() != key
	}), err
}

// IncidentsCalled returns the keys of all incidents that a delivery names, such as INC-7.
func (r *Reader) IncidentsCalled(ctx context.Context, name string) ([]string, error) {
	all, err := r.storedDeliveries(ctx, "WHERE about = ?", name)
	var keys []string
	for _, d := range all {
		if i := d.Event.Incident; i != nil && !slices.Contains(keys, i.IssueKey()) {
			keys = append(keys, i.IssueKey())
		}
	}
	return keys, err
}

// DeliveryOf returns the delivery with a key; false if there is none.
func (r *Reader) DeliveryOf(ctx context.Context, key string) (dora.StoredDelivery, bool, error) {
	stem, rest := cutStem(key)
	return firstRow(r.storedDeliveries(ctx, "WHERE stem = "+textID+" AND rest = ?", stem, rest))
}

// Recent returns the last deliveries, at most limit, in the order of arrival.
func (r *Reader) Recent(ctx context.Context, limit int) ([]dora.StoredDelivery, error) {
	return r.storedDeliveries(ctx, "ORDER BY id DESC LIMIT ?", limit)
}

func (r *Reader) storedDeliveries(ctx context.Context, query string, args ...any) ([]dora.StoredDelivery, error) {
	all := map[int64]dora.StoredDelivery{}
	err := r.query(ctx, "SELECT id, state, due, error FROM deliveries "+query, args, func(rows Rows) error {
		var id, due int64
		var state int
		var d dora.StoredDelivery
		if err := rows.Scan(&id, &state, &due, &d.LastError); err != nil {
			return err
		}
		if state < 0 || state >= len(deliveryStates) {
			return &CorruptError{Path: r.path, What: fmt.Sprintf("delivery %d has the unknown state %d", id, state)}
		}
		d.State, d.Due = deliveryStates[state], fromMillis(due)
		all[id] = d
		return nil
	})
	var found []dora.Delivery
	if err == nil && len(all) > 0 {
		ids := make([]string, 0, len(all))
		for id := range all {
			ids = append(ids, fmt.Sprint(id))
		}
		found, err = r.deliveries(ctx, "WHERE id IN ("+strings.Join(ids, ", ")+")")
	}
	var offset time.Duration
	if err == nil {
		offset, err = r.wallOffset(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	sorted := make([]dora.StoredDelivery, len(found))
	for i, d := range found {
		sorted[i] = all[d.ID]
		sorted[i].Delivery = d
		if sorted[i].Due.UnixMilli() > 0 {
			sorted[i].Due = sorted[i].Due.Add(offset)
		}
	}
	slices.SortFunc(sorted, func(a, b dora.StoredDelivery) int { return cmp.Compare(a.ID, b.ID) })
	return sorted, nil
}
