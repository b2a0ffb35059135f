package instrumentation

import (
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/otlptranslator"
	promexp "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// Handler serves all metrics in Prometheus' text format or, if requested, in protobuf. It answers 503 until the values are
// restored: a scrape of half-restored counters would look like a reset. OpenMetrics is not offered because it would change
// the documented name of github_deployments_total and the type of jira_incidents.
type Handler struct {
	http.Handler

	cache *cachedGatherer
}

// Fill gathers all series, as the first scrape would. It needs several times the memory that the series take afterwards.
func (h *Handler) Fill() error {
	_, err := h.cache.facts()
	return err
}

// Handler returns a handler of all metrics.
func (i *Instruments) Handler() (*Handler, error) {
	own := prometheus.NewRegistry()
	own.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := registerExporter(own, selfProducer{i}); err != nil {
		return nil, err
	}
	facts, changed := prometheus.NewRegistry(), i.newChangeProducer()
	if err := registerExporter(facts, changed); err != nil {
		return nil, err
	}
	cache := &cachedGatherer{
		producer: changed, factFamilies: createdGatherer{facts, i.startOfFact}, self: createdGatherer{own, i.startOfSelf},
	}
	metrics := newScrapeHandler(currentGatherer{i, cache}, own)
	return &Handler{promhttp.InstrumentMetricHandler(own, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !i.Restored() {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "the values are being restored", http.StatusServiceUnavailable)
			return
		}
		metrics.ServeHTTP(w, r)
	})), cache}, nil
}

// registerExporter registers a Prometheus exporter for the metrics of a producer.
func registerExporter(to *prometheus.Registry, from sdkmetric.Producer) error {
	exporter, err := promexp.New(
		promexp.WithRegisterer(to),
		promexp.WithProducer(from),
		promexp.WithTranslationStrategy(otlptranslator.UnderscoreEscapingWithoutSuffixes),
		promexp.WithoutScopeInfo(),
		promexp.WithoutTargetInfo(),
	)
	if err != nil {
		return fmt.Errorf("make the Prometheus exporter: %w", err)
	}
	// The exporter needs a provider, even without instruments: else it fails as not registered.
	sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	return nil
}

// Restored reports whether Restore has been called.
func (i *Instruments) Restored() bool {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return i.restored
}
