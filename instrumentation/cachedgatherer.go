package instrumentation

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// cachedGatherer keeps what the facts' families were at the last scrape, and asks only for the series that facts have changed since
// then. It satisfies prometheus.Gatherer. What it returns is not to be changed.
type cachedGatherer struct {
	// factFamilies gathers the changed series that producer produces, or all. self has no family in common with it.
	producer           *changeProducer
	factFamilies, self prometheus.Gatherer

	mu       sync.Mutex
	version  uint64
	families map[string]*cachedFamily
}

// cachedFamily is a family with the indexes of its metrics by metricKey. Neither changes once it is returned.
type cachedFamily struct {
	*dto.MetricFamily

	indexes map[string]int
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
		families, err := g.factFamilies.Gather()
		if err != nil {
			g.producer.reset()
			return nil, err
		}
		if g.families == nil || g.producer.all {
			g.families = map[string]*cachedFamily{}
		}
		for _, f := range families {
			g.families[f.GetName()] = g.families[f.GetName()].merge(f)
		}
		g.version = version
	}
	var all []*dto.MetricFamily
	for _, f := range g.families {
		all = append(all, f.MetricFamily)
	}
	return all, nil
}

// merge returns the family with the metrics of f, which replace those with the same labels or are inserted in order.
func (k *cachedFamily) merge(f *dto.MetricFamily) *cachedFamily {
	if k == nil {
		return newCachedFamily(f)
	}
	merged := &dto.MetricFamily{Name: k.Name, Help: k.Help, Type: k.Type, Unit: k.Unit, Metric: slices.Clone(k.Metric)}
	added := false
	for _, m := range f.Metric {
		if at, known := k.indexes[metricKey(m)]; known {
			merged.Metric[at] = m
			continue
		}
		merged.Metric, added = append(merged.Metric, m), true
	}
	if !added {
		return &cachedFamily{merged, k.indexes}
	}
	slices.SortFunc(merged.Metric, func(a, b *dto.Metric) int { return slices.CompareFunc(a.Label, b.Label, compareValues) })
	return newCachedFamily(merged)
}

func compareValues(a, b *dto.LabelPair) int { return cmp.Compare(a.GetValue(), b.GetValue()) }

func newCachedFamily(f *dto.MetricFamily) *cachedFamily {
	k := &cachedFamily{f, make(map[string]int, len(f.Metric))}
	for at, m := range f.Metric {
		k.indexes[metricKey(m)] = at
	}
	return k
}

// metricKey returns the label values of a metric, separated by a byte that UTF-8 never has. Metrics of a family have the same
// label names, or one more, so the values identify one.
func metricKey(m *dto.Metric) string {
	var b strings.Builder
	for _, pair := range m.Label {
		b.WriteString(pair.GetValue())
		b.WriteByte(0xff)
	}
	return b.String()
}

// currentVersion returns a number that changes with the values of the families of facts; 0 before Restore.
func (i *Instruments) currentVersion() uint64 {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return i.version
}

// reset makes the next call of Produce return all series.
func (c *changeProducer) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version++
	c.changed = nil
}
