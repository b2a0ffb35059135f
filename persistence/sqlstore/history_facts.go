package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"dora-exporter/dora"
)

// Reads of History for the export.

// StoreCreated returns when the store was created.
func (r *Reader) StoreCreated(ctx context.Context) (time.Time, error) {
	return readTime(r.path, r.queryFunc(ctx), createdKey)
}

// HistorySeries returns the series of a family in History.
func (r *Reader) HistorySeries(ctx context.Context, family string) ([]dora.HistorySeries, error) {
	all, err := readAll(ctx, r, "the series of "+family,
		"SELECT labels, (SELECT min(facts.at) FROM facts WHERE "+ofSeries+" = series.id) FROM series WHERE family = "+textID+" ORDER BY labels", []any{family},
		func(rows Rows) (s dora.HistorySeries, err error) {
			var labels string
			var first sql.NullInt64
			if err := rows.Scan(&labels, &first); err != nil {
				return s, err
			}
			if s.Labels, err = r.seriesLabels(family, labels); err != nil || !s.Labels.InHistory() || !first.Valid {
				return dora.HistorySeries{}, err
			}
			delete(s.Labels, dora.HistoryLabel)
			s.First = fromMillis(first.Int64)
			return s, nil
		})
	return slices.DeleteFunc(all, func(s dora.HistorySeries) bool { return s.Labels == nil }), err
}

// HistoryFacts calls add for the facts of a series in History, in the order of their times.
func (r *Reader) HistoryFacts(ctx context.Context, family string, labels dora.Labels, add func(dora.Fact) error) error {
	text, err := labelsText(labels.OfHistory())
	if err != nil {
		return err
	}
	where := "WHERE " + ofSeries + " = (SELECT id FROM series WHERE family = " + textID + " AND labels = ?) ORDER BY facts.at, facts.id, facts.position"
	if err := r.facts(ctx, where, []any{family, text}, add); err != nil {
		return fmt.Errorf("read the facts of %s: %w", family, err)
	}
	return nil
}

// EachIncident calls add for each incident with its events.
func (r *Reader) EachIncident(ctx context.Context, add func(dora.Incident) error) error {
	const query = `SELECT incidents.key, details, incidents.checksum, coalesce(events, ''), coalesce(incident_events.checksum, 0) FROM incidents
		LEFT JOIN incident_events ON incident_events.key = incidents.key ORDER BY incidents.key`
	err := r.query(ctx, query, nil, func(rows Rows) error {
		var i dora.Incident
		var key, details, events string
		var sum, eventsSum int64
		err := rows.Scan(&key, &details, &sum, &events, &eventsSum)
		if err == nil {
			err = errors.Join(checkRow(r.path, "incident "+key, sum, key, details), checkRow(r.path, "the events of incident "+key, eventsSum, key, events))
		}
		if err != nil {
			return err
		}
		if err := errors.Join(json.Unmarshal([]byte(details), &i), json.Unmarshal([]byte(events), &i.Events)); err != nil {
			return &CorruptError{Path: r.path, What: "incident " + key + " can't be read", Err: err}
		}
		return add(i)
	})
	if err != nil {
		return fmt.Errorf("read the incidents: %w", err)
	}
	return nil
}
