package instrumentation

import (
	"time"

	"go.opentelemetry.io/otel/attribute"

	"dora-exporter/dora"
)

// baseSeries is a restored series. There may be very many, most of which nothing is recorded for: their labels are kept as text.
type baseSeries struct {
	// labels is dora.Labels.Key.
	labels   string
	baseline float64
	own      int64
	// newest is nil if there is no fact of kind Last.
	newest *moment
	// buckets is nil if all are 0.
	buckets *baseBuckets
}

// moment is the time and the number of a fact of a series of kind Last.
type moment struct {
	at time.Time
	id int64
}

// baseBuckets are the observations of a restored histogram.
type baseBuckets struct{ baseline, own []int64 }

func newBaseSeries(labels string, s dora.Series) baseSeries {
	b := baseSeries{labels: labels, baseline: s.Baseline, own: s.Own}
	if !s.At.IsZero() {
		b.newest = &moment{s.At, s.ID}
	}
	if s.Buckets != nil || s.BaselineBuckets != nil {
		b.buckets = &baseBuckets{s.BaselineBuckets, s.Buckets}
	}
	return b
}

// merged returns the series before anything is added to it.
func (b baseSeries) merged() mergedSeries {
	m := mergedSeries{labels: b.labels, Series: dora.Series{Baseline: b.baseline, Own: b.own}}
	if b.newest != nil {
		m.At, m.ID = b.newest.at, b.newest.id
	}
	if b.buckets != nil {
		m.BaselineBuckets, m.Buckets = b.buckets.baseline, b.buckets.own
	}
	return m
}

// Restore sets the base and enables scrapes. It takes the series out of s.
func (i *Instruments) Restore(s dora.State) {
	i.mu.Lock()
	defer i.mu.Unlock()
	sets := map[string]restoredLabels{} // families share them
	for family, all := range s {
		base := make(map[attribute.Distinct]baseSeries, len(all))
		for key, series := range all {
			labels, known := sets[key]
			if !known {
				set := attributeSet(series.Labels)
				labels = restoredLabels{key, set.Equivalent()}
				sets[key] = labels
			}
			base[labels.series] = newBaseSeries(labels.key, series)
			delete(all, key)
		}
		i.base[family] = base
		delete(s, family)
	}
	i.restored = true
	i.version++
}

type restoredLabels struct {
	key    string
	series attribute.Distinct
}

// startHistogram adds a histogram series without observations to the base; an instrument can't have one. i.mu is held.
func (i *Instruments) startHistogram(family string, labels dora.Labels, series attribute.Distinct) {
	if _, ok := i.base[family][series]; ok {
		return
	}
	if i.base[family] == nil {
		i.base[family] = map[attribute.Distinct]baseSeries{}
	}
	i.base[family][series] = baseSeries{labels: labels.Key()}
	i.markChanged(family, series)
}

// updateNewest reports whether a fact is the newest of its series so far, and remembers it if so.
func (i *Instruments) updateNewest(f dora.Fact, series attribute.Distinct) bool {
	before, known := i.newest[f.Family][series]
	if restored := i.base[f.Family][series].newest; !known && restored != nil {
		before, known = *restored, true
	}
	if known && !f.Newer(before.at, before.id) {
		return false
	}
	if i.newest[f.Family] == nil {
		i.newest[f.Family] = map[attribute.Distinct]moment{}
	}
	i.newest[f.Family][series] = moment{f.At, f.ID}
	return true
}

func attributeSet(l dora.Labels) attribute.Set {
	kvs := make([]attribute.KeyValue, 0, len(l))
	for name, value := range l {
		kvs = append(kvs, attribute.String(name, value))
	}
	return attribute.NewSet(kvs...)
}

func labelsOf(set attribute.Set) dora.Labels {
	l := make(dora.Labels, set.Len())
	for _, kv := range set.ToSlice() {
		l[string(kv.Key)] = kv.Value.AsString()
	}
	return l
}
