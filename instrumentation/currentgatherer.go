package instrumentation

import (
	"context"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// currentTimeout is how long a scrape waits for facts that are stored and not recorded yet, such as those of other servers.
const currentTimeout = time.Second

// currentGatherer gathers the families of a gatherer when all facts are recorded that were stored when it was called, or after
// currentTimeout. So a scrape of one server has what an earlier scrape of another one had. If some were not recorded in time and there are other
// servers, the families of facts are left out: a counter that went back would look like a reset, and count everything again. It satisfies
// prometheus.Gatherer.
type currentGatherer struct {
	*Instruments
	*cachedGatherer
}

// Gather is called for each scrape.
func (g currentGatherer) Gather() ([]*dto.MetricFamily, error) {
	if !g.waitCurrent() && g.options.IsShared != nil && g.options.IsShared() {
		return g.self.Gather()
	}
	return g.cachedGatherer.Gather()
}

// waitCurrent waits for the facts, and returns false and counts if some were not recorded in time.
func (i *Instruments) waitCurrent() bool {
	if i.options.WaitCurrent == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), currentTimeout)
	defer cancel()
	err := i.options.WaitCurrent(ctx)
	if err != nil {
		i.staleScrapes.Add(context.Background(), 1)
	}
	return err == nil
}
