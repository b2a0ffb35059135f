package instrumentation

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/attribute"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// createdGatherer adds created timestamps to counters and histograms, which the exporter of OpenTelemetry leaves out. Only protobuf
// shows them. https://prometheus.io/docs/prometheus/latest/feature_flags/#created-timestamps-zero-injection
type createdGatherer struct {
	prometheus.Gatherer
	// startOf returns when a series began; false if that is not known.
	startOf func(family string, labels attribute.Set) (time.Time, bool)
}

// Gather returns the families with created timestamps.
func (g createdGatherer) Gather() ([]*dto.MetricFamily, error) {
	families, err := g.Gatherer.Gather()
	for _, f := range families {
		if f.GetType() != dto.MetricType_COUNTER && f.GetType() != dto.MetricType_HISTOGRAM {
			continue
		}
		for _, m := range f.Metric {
			start, known := g.startOf(f.GetName(), labelSet(m.Label))
			switch {
			case !known:
			case m.Counter != nil:
				m.Counter.CreatedTimestamp = timestamppb.New(start)
			case m.Histogram != nil:
				m.Histogram.CreatedTimestamp = timestamppb.New(start)
			}
		}
	}
	return families, err
}

func labelSet(pairs []*dto.LabelPair) attribute.Set {
	kvs := make([]attribute.KeyValue, 0, len(pairs))
	for _, p := range pairs {
		kvs = append(kvs, attribute.String(p.GetName(), p.GetValue()))
	}
	return attribute.NewSet(kvs...)
}

// startOfFact returns when a series of a family of facts began.
func (i *Instruments) startOfFact(family string, labels attribute.Set) (time.Time, bool) {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return i.startOf(family, labels.Equivalent(), i.options.Now()), true
}

// startOfSelf returns when a series of one of the program's own counters began.
func (i *Instruments) startOfSelf(family string, labels attribute.Set) (time.Time, bool) {
	i.selfMu.Lock()
	defer i.selfMu.Unlock()
	start, known := i.selfStarts.starts[selfSeries(strings.TrimSuffix(family, "_total"), labels)]
	return start, known
}
