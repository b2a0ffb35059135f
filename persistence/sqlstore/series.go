package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"dora-exporter/dora"
)

// SeriesHistory returns the series that a query selects, sorted by their labels. If nothing was removed, and the facts of a series don't
// add up to its stored sum, it is a *CorruptError.
func (r *Reader) SeriesHistory(ctx context.Context, q dora.SeriesQuery) (all []dora.SeriesHistory, err error) {
	err = r.Snapshot(ctx, func(r *Reader) error {
		found, err := r.seriesHistory(ctx, q)
		for _, key := range slices.Sorted(maps.Keys(found)) {
			all = append(all, *found[key])
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the facts of %s: %w", q.Family.Name, err)
	}
	return all, nil
}

// seriesHistory returns the series that a query selects, by Labels.Key.
func (r *Reader) seriesHistory(ctx context.Context, q dora.SeriesQuery) (map[string]*dora.SeriesHistory, error) {
	found, err := r.importedHistory(ctx, q)
	if err != nil {
		return nil, err
	}
	folding, err := r.folding(ctx, q.Family)
	if err != nil {
		return nil, err
	}
	begun, err := r.seriesOf(ctx, q.Family.Name)
	if err != nil {
		return nil, err
	}
	for _, series := range begun {
		if !hasLabels(series.labels, q.Labels) {
			continue
		}
		h, err := historyIn(found, series.labels, q)
		if err != nil {
			return nil, err
		}
		if err := r.addHistory(ctx, h, q, series.id, folding); err != nil {
			return nil, err
		}
	}
	return found, folding.addRest(q, found)
}

// importedHistory returns the imported series that a query selects, by Labels.Key. The value is that of the newest baseline.
func (r *Reader) importedHistory(ctx context.Context, q dora.SeriesQuery) (map[string]*dora.SeriesHistory, error) {
	found := map[string]*dora.SeriesHistory{}
	err := r.eachImported(ctx, q.Family, func(key string, imported dora.ImportedSeries) {
		if hasLabels(imported.Labels, q.Labels) {
			found[key] = &dora.SeriesHistory{Series: imported.Series, Imported: []dora.ImportedSeries{imported}}
		}
	})
	return found, err
}

// historyIn returns the history of a series among those that were found. It adds the history if there is none, unless that makes too many.
func historyIn(found map[string]*dora.SeriesHistory, labels dora.Labels, q dora.SeriesQuery) (*dora.SeriesHistory, error) {
	key := labels.Key()
	if found[key] == nil {
		found[key] = &dora.SeriesHistory{Series: dora.Series{Labels: labels}}
	}
	if q.MaxSeries >= 0 && len(found) > q.MaxSeries {
		return nil, dora.ErrTooManySeries
	}
	return found[key], nil
}

// addHistory adds the facts of a stored series, and what was removed of it.
func (r *Reader) addHistory(ctx context.Context, h *dora.SeriesHistory, q dora.SeriesQuery, id int64, removed *folding) error {
	facts, err := r.seriesFacts(ctx, q.Family, id)
	if err != nil {
		return err
	}
	if h.Series, err = r.withFacts(ctx, h.Series, q.Family, facts); err != nil {
		return err
	}
	selected := facts
	if q.MaxValue != math.MaxInt64 {
		selected = slices.DeleteFunc(slices.Clone(facts), func(f seriesFact) bool { return f.value > q.MaxValue })
	}
	h.FactCount = len(selected)
	if h.Facts, err = r.newestFacts(ctx, selected, q.MaxFacts); err != nil {
		return err
	}
	upTo := slices.DeleteFunc(facts, func(f seriesFact) bool { return f.position > removed.position })
	counted, err := r.withFacts(ctx, dora.Series{Labels: h.Labels}, q.Family, upTo)
	if err != nil {
		return err
	}
	return removed.addTo(h, counted)
}

// hasLabels reports whether labels contain all of subset.
func hasLabels(labels, subset dora.Labels) bool {
	for name, value := range subset {
		if labels[name] != value {
			return false
		}
	}
	return true
}

// eachImported calls add for each series of a family in the baselines, the oldest baseline first.
func (r *Reader) eachImported(ctx context.Context, f dora.Family, add func(key string, imported dora.ImportedSeries)) error {
	all, err := r.Baselines(ctx)
	if err != nil {
		return err
	}
	for _, b := range all {
		values, _ := b.Of(f)
		for key, series := range values {
			add(key, dora.ImportedSeries{Series: series, Source: b.Source, At: b.Taken})
		}
	}
	return nil
}

// FactsAbout returns the facts of all families whose subject is one of the subjects or begins with one of them and a slash, in the
// order of time.
func (r *Reader) FactsAbout(ctx context.Context, subjects ...string) ([]dora.Fact, error) {
	all := map[int64]dora.Fact{}
	for _, subject := range subjects {
		stem, rest := cutStem(subject)
		args := append([]any{stem, rest}, continuing(subject)...)
		err := r.facts(ctx, "WHERE stem = "+textID+" AND rest = ? OR "+continued, args, func(f dora.Fact) error {
			all[f.Position] = f
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read the facts about %s: %w", subject, err)
		}
	}
	return slices.SortedFunc(maps.Values(all), func(a, b dora.Fact) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(a.Family, b.Family), cmp.Compare(a.Position, b.Position))
	}), nil
}
