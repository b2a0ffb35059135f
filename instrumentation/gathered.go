package instrumentation

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// gathered keeps what the facts' families were at the last scrape, and asks only for the series that facts have changed since
// then. It satisfies prometheus.Gatherer. What it returns is not to be changed.
type gathered struct {
	// changes gives the series of changed, or all, from the exporter that it feeds. own has no family in common with it.
	changed      *changes
	changes, own prometheus.Gatherer

	mu       sync.Mutex
	version  uint64
	families map[string]*keptFamily
}

// keptFamily is a family with the place of each of its metrics. Neither is changed once it is returned.
type keptFamily struct {
	*dto.MetricFamily

	places map[string]int
}

// Gather returns all families, sorted by name.
func (g *gathered) Gather() ([]*dto.MetricFamily, error) {
	all, err := g.facts()
	if err != nil {
		return nil, err
	}
	own, err := g.own.Gather()
	all = append(all, own...)
	slices.SortFunc(all, func(a, b *dto.MetricFamily) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return all, err
}

// facts are the facts' families, in no order.
func (g *gathered) facts() ([]*dto.MetricFamily, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if version := g.changed.reached(); version != g.version { // facts that come from here on are another change
		families, err := g.changes.Gather()
		if err != nil {
			g.changed.forget()
			return nil, err
		}
		if g.families == nil || g.changed.all {
			g.families = map[string]*keptFamily{}
		}
		for _, f := range families {
			g.families[f.GetName()] = g.families[f.GetName()].with(f)
		}
		g.version = version
	}
	var all []*dto.MetricFamily
	for _, f := range g.families {
		all = append(all, f.MetricFamily)
	}
	return all, nil
}

// with is the family with other metrics, in the place of those of the same labels, or new ones in the order of all.
func (k *keptFamily) with(f *dto.MetricFamily) *keptFamily {
	if k == nil {
		return placed(f)
	}
	merged := &dto.MetricFamily{Name: k.Name, Help: k.Help, Type: k.Type, Unit: k.Unit, Metric: slices.Clone(k.Metric)}
	added := false
	for _, m := range f.Metric {
		if at, known := k.places[placeOf(m)]; known {
			merged.Metric[at] = m
			continue
		}
		merged.Metric, added = append(merged.Metric, m), true
	}
	if !added {
		return &keptFamily{merged, k.places}
	}
	slices.SortFunc(merged.Metric, func(a, b *dto.Metric) int { return slices.CompareFunc(a.Label, b.Label, compareValues) })
	return placed(merged)
}

func compareValues(a, b *dto.LabelPair) int { return cmp.Compare(a.GetValue(), b.GetValue()) }

func placed(f *dto.MetricFamily) *keptFamily {
	k := &keptFamily{f, make(map[string]int, len(f.Metric))}
	for at, m := range f.Metric {
		k.places[placeOf(m)] = at
	}
	return k
}

// placeOf tells a metric from the others of its family, which have the same label names: by the values, which are valid UTF-8.
func placeOf(m *dto.Metric) string {
	var b strings.Builder
	for _, pair := range m.Label {
		b.WriteString(pair.GetValue())
		b.WriteByte(0xff)
	}
	return b.String()
}

// reached is the version of what the facts' families hold; 0 before anything is restored.
func (i *Instruments) reached() uint64 {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return i.version
}

// forget has all series produced the next time.
func (c *changes) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version++
	c.series = nil
}
