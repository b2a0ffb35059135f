package persistence

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"dora-exporter/dora"
)

// States of a delivery: the values of its column done.
const (
	Pending = iota
	Processed
	IsSetAside
)

// Received is a delivery with what has become of it.
type Received struct {
	dora.Delivery
	// State is Pending, Processed or IsSetAside.
	State int
	// Due is the time of day at which a pending one is processed at the earliest.
	Due time.Time
	// Why is the error of the last attempt; empty when none failed.
	Why string
}

// DeliveriesOf are the deliveries about a deployment with a number, of any server, in the order of arrival.
func (r *Reader) DeliveriesOf(ctx context.Context, number int64) ([]Received, error) {
	// The text of the number first, since that is quick, and all of it is read.
	text := fmt.Sprintf(`"id":%d`, number)
	all, err := r.received(ctx, "WHERE source = ? AND (instr(event, ?) OR instr(event, ?))", dora.GitHub, text+",", text+"}")
	return slices.DeleteFunc(all, func(d Received) bool {
		e := d.Event
		return (e.Status == nil || e.Status.Deployment.ID != number) && (e.Deployment == nil || e.Deployment.ID != number)
	}), err
}

// DeliveriesOfIncident are those of an issue by its key, host/id.
func (r *Reader) DeliveriesOfIncident(ctx context.Context, key string) ([]Received, error) {
	return r.received(ctx, "WHERE key >= ? AND key < ?", "jira/"+key+"/", "jira/"+key+"0") // 0 follows the slash
}

// IncidentsCalled are the keys of all issues that a delivery calls by a name, such as INC-7.
func (r *Reader) IncidentsCalled(ctx context.Context, name string) ([]string, error) {
	all, err := r.received(ctx, "WHERE source = ? AND instr(event, ?)", dora.Jira, `"`+name+`"`)
	var keys []string
	for _, d := range all {
		if i := d.Event.Incident; i != nil && i.Key == name && !slices.Contains(keys, i.Host+"/"+i.ID) {
			keys = append(keys, i.Host+"/"+i.ID)
		}
	}
	return keys, err
}

// DeliveryOf is the delivery with a key; false when there is none.
func (r *Reader) DeliveryOf(ctx context.Context, key string) (Received, bool, error) {
	all, err := r.received(ctx, "WHERE key = ?", key)
	if err != nil || len(all) == 0 {
		return Received{}, false, err
	}
	return all[0], true, nil
}

// Recent are the deliveries that arrived last, at most limit, in the order of arrival.
func (r *Reader) Recent(ctx context.Context, limit int) ([]Received, error) {
	return r.received(ctx, "ORDER BY id DESC LIMIT ?", limit)
}

func (r *Reader) received(ctx context.Context, query string, args ...any) ([]Received, error) {
	type fate struct {
		state int
		due   time.Time
		why   string
	}
	fates := map[int64]fate{}
	err := r.query(ctx, "SELECT id, done, due, error FROM deliveries "+query, args, func(rows *sql.Rows) error {
		var id, due int64
		var f fate
		err := rows.Scan(&id, &f.state, &due, &f.why)
		f.due = fromMillis(due)
		fates[id] = f
		return err
	})
	var found []dora.Delivery
	if err == nil && len(fates) > 0 {
		ids := make([]string, 0, len(fates))
		for id := range fates {
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
	all := make([]Received, len(found))
	for i, d := range found {
		all[i] = Received{Delivery: d, State: fates[d.ID].state, Due: fates[d.ID].due, Why: fates[d.ID].why}
		if all[i].Due.UnixMilli() > 0 {
			all[i].Due = all[i].Due.Add(offset)
		}
	}
	slices.SortFunc(all, func(a, b Received) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}
