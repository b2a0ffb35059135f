package instrumentation

import (
	"cmp"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// gathered keeps what the facts' families were at the last scrape for as long as there are no new facts. It satisfies
// prometheus.Gatherer. What it returns is not to be changed.
type gathered struct {
	instruments *Instruments
	// facts and own have no family in common.
	facts, own prometheus.Gatherer

	mu       sync.Mutex
	version  uint64
	families []*dto.MetricFamily
}

// Gather returns all families, sorted by name.
func (g *gathered) Gather() ([]*dto.MetricFamily, error) {
	facts, err := g.factFamilies()
	if err != nil {
		return nil, err
	}
	own, err := g.own.Gather()
	all := slices.Concat(facts, own)
	slices.SortFunc(all, func(a, b *dto.MetricFamily) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return all, err
}

func (g *gathered) factFamilies() ([]*dto.MetricFamily, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	version := g.instruments.reached() // before gathering: facts that come meanwhile are gathered again, not missed
	if version == g.version {
		return g.families, nil
	}
	families, err := g.facts.Gather()
	if err != nil {
		return nil, err
	}
	g.families, g.version = families, version
	return families, nil
}

// reached is the version of what the facts' families hold; 0 before anything is restored.
func (i *Instruments) reached() uint64 {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return i.version
}
