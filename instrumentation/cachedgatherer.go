package instrumentation

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// gatherAtOnce is how many series are gathered at once while the cache is filled: until they are in the cache, they take several times
// the memory.
const gatherAtOnce = 1000

// cachedGatherer keeps what the facts' families were at the last scrape, and asks only for the series that facts have changed since
// then. It satisfies prometheus.Gatherer. What it returns is not to be changed.
type cachedGatherer struct {
	// factFamilies gathers the changed series that producer produces. self has no family in common with it.
	producer           *changeProducer
	factFamilies, self prometheus.Gatherer

	mu       sync.Mutex
	version  uint64
	families map[string]*dto.MetricFamily
}

// Gather returns all families, sorted by name.
func (g *cachedGatherer) Gather() ([]*dto.MetricFamily, error) {
	all, err := g.facts()
	if err != nil {
		return nil, err
	}
	self, err := g.self.Gather()
	all = append(all, self...)
	slices.SortFunc(all, func(a, b *dto.MetricFamily) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return all, err
}

// facts returns the families of facts, unordered.
func (g *cachedGatherer) facts() ([]*dto.MetricFamily, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if version := g.producer.currentVersion(); version != g.version { // facts that are recorded later make a new version
		if err := g.update(); err != nil {
			g.producer.reset()
			return nil, err
		}
		g.version = version
	}
	var all []*dto.MetricFamily
	for _, f := range g.families {
		all = append(all, f)
	}
	return all, nil
}

// update gathers the changed series. The last step takes all that facts have changed meanwhile, so that the cache has whole batches.
func (g *cachedGatherer) update() error {
	n, all, err := g.producer.count(context.Background())
	if err != nil {
		return err
	}
	if all {
		g.families = map[string]*dto.MetricFamily{}
	}
	changed, shared := map[string]*dto.MetricFamily{}, newSharedParts()
	gather := func(limit int) error {
		g.producer.limit = limit
		families, err := g.factFamilies.Gather()
		for _, f := range families {
			for _, m := range f.Metric {
				shared.replace(m)
			}
			if before := changed[f.GetName()]; before != nil {
				f.Metric = append(before.Metric, f.Metric...)
			}
			changed[f.GetName()] = f
		}
		return err
	}
	for ; n > gatherAtOnce && err == nil; n -= gatherAtOnce {
		err = gather(gatherAtOnce)
	}
	if err == nil {
		err = gather(math.MaxInt)
	}
	for name, f := range changed {
		g.families[name] = merge(g.families[name], f)
	}
	return err
}

// merge returns a family with the metrics of changed, which replace those with the same labels or are inserted in order. It does not
// change the family, since scrapes may be reading it.
func merge(family, changed *dto.MetricFamily) *dto.MetricFamily {
	var before []*dto.Metric
	if family != nil {
		before = family.Metric
	}
	slices.SortStableFunc(changed.Metric, compareLabels)
	merged := make([]*dto.Metric, 0, len(before)+len(changed.Metric))
	for n, m := range changed.Metric {
		if n+1 < len(changed.Metric) && compareLabels(m, changed.Metric[n+1]) == 0 {
			continue // it has changed again
		}
		at, known := slices.BinarySearchFunc(before, m, compareLabels)
		merged = append(merged, before[:at]...)
		if known {
			m.Label = before[at].Label // shares more
			at++
		}
		merged, before = append(merged, m), before[at:]
	}
	merged = append(merged, before...)
	changed.Metric = merged
	return changed
}

// compareLabels orders the metrics of a family like the registry of client_golang.
func compareLabels(a, b *dto.Metric) int {
	if n := cmp.Compare(len(a.Label), len(b.Label)); n != 0 {
		return n
	}
	return slices.CompareFunc(a.Label, b.Label, func(a, b *dto.LabelPair) int { return cmp.Compare(a.GetValue(), b.GetValue()) })
}

// sharedParts has what metrics have in common.
type sharedParts struct {
	labels  map[labelPair]*dto.LabelPair
	created map[time.Time]*timestamppb.Timestamp
}

type labelPair struct{ name, value string }

func newSharedParts() sharedParts {
	return sharedParts{map[labelPair]*dto.LabelPair{}, map[time.Time]*timestamppb.Timestamp{}}
}

// replace replaces parts of a metric by equal ones of earlier metrics.
func (s sharedParts) replace(m *dto.Metric) {
	for n, l := range m.Label {
		m.Label[n] = share(s.labels, labelPair{l.GetName(), l.GetValue()}, l)
	}
	switch {
	case m.Counter.GetCreatedTimestamp() != nil:
		m.Counter.CreatedTimestamp = s.shareTime(m.Counter.CreatedTimestamp)
	case m.Histogram.GetCreatedTimestamp() != nil:
		m.Histogram.CreatedTimestamp = s.shareTime(m.Histogram.CreatedTimestamp)
	}
}

func (s sharedParts) shareTime(t *timestamppb.Timestamp) *timestamppb.Timestamp {
	return share(s.created, t.AsTime(), t)
}

// share returns the part that has a key, which is the given one if there is none yet.
func share[K comparable, P any](all map[K]P, key K, part P) P {
	if known, ok := all[key]; ok {
		return known
	}
	all[key] = part
	return part
}
