package instrumentation

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// currentTimeout is how long a scrape waits for facts that are stored and not recorded yet, such as those of other servers.
const currentTimeout = time.Second

// currentGatherer gathers the families of a gatherer when all facts are recorded that were stored when it was called, or after
// currentTimeout. So a scrape of one server has what an earlier scrape of another one had. It satisfies prometheus.Gatherer.
type currentGatherer struct {
	*Instruments
	prometheus.Gatherer
}

// Gather is called for each scrape.
func (g currentGatherer) Gather() ([]*dto.MetricFamily, error) {
	g.waitCurrent()
	return g.Gatherer.Gather()
}

// waitCurrent waits for the facts, and counts if some were not recorded in time.
func (i *Instruments) waitCurrent() {
	if i.options.WaitCurrent == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), currentTimeout)
	defer cancel()
	if err := i.options.WaitCurrent(ctx); err != nil {
		i.staleScrapes.Add(context.Background(), 1)
	}
}
