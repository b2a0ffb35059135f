package export

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/exp/api/remote"
	"google.golang.org/protobuf/encoding/protowire"

	"dora-exporter/dora"
)

// batch is how many samples a request has, unless a label set has more series than that.
const batch = 10_000

// RemoteWrite sends samples by Prometheus' remote write protocol, in version 1.0, which all receivers know. A request that can't be sent
// or is answered with 5xx or 429 is sent again, with backoff.
// https://prometheus.io/docs/specs/prw/remote_write_spec/
type RemoteWrite struct {
	// Labels are further labels of all series.
	Labels dora.Labels
	// FloatBounds writes the whole numbers among the bounds of buckets as Prometheus 3 stores them, le="600.0" and not le="600".
	FloatBounds bool

	ctx   context.Context // of the export: a Sink is used in one
	api   *remote.API
	names []dora.PublishedSeries
	// series are those of the current label set: their encoded labels, and their samples that are not in request yet.
	series []remoteSeries
	// request has encoded series, samples counts the samples in request and series.
	request []byte
	samples int
}

type remoteSeries struct{ labels, samples []byte }

// NewRemoteWrite returns a sink that sends to a URL such as http://prometheus:9090/api/v1/write.
func NewRemoteWrite(ctx context.Context, url string, client *http.Client) (*RemoteWrite, error) {
	api, err := remote.NewAPI(url, remote.WithAPIPath(""), remote.WithAPIHTTPClient(client))
	if err != nil {
		return nil, err
	}
	return &RemoteWrite{ctx: ctx, api: api}, nil
}

// Begin begins a family.
func (r *RemoteWrite) Begin(f dora.Family) error {
	r.names = f.Published()
	return nil
}

// Series begins a label set.
func (r *RemoteWrite) Series(l dora.Labels) error {
	r.encodeSamples()
	r.series = r.series[:0]
	all := labelsOf(l, r.Labels)
	for _, name := range r.names {
		labels := all.With("__name__", name.Name)
		if name.Bound != "" {
			labels["le"] = r.bound(name.Bound)
		}
		var text []byte
		for _, label := range slices.Sorted(maps.Keys(labels)) {
			pair := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), label)
			pair = protowire.AppendString(protowire.AppendTag(pair, 2, protowire.BytesType), labels[label])
			text = protowire.AppendBytes(protowire.AppendTag(text, 1, protowire.BytesType), pair)
		}
		r.series = append(r.series, remoteSeries{labels: text})
	}
	return nil
}

// bound returns the label le of a bucket.
func (r *RemoteWrite) bound(text string) string {
	if _, err := strconv.ParseInt(text, 10, 64); r.FloatBounds && err == nil {
		return text + ".0"
	}
	return text
}

// Point adds a sample to each series. It sends what there is if that is enough for a request.
func (r *RemoteWrite) Point(at int64, values []float64) error {
	for i, value := range values {
		sample := protowire.AppendFixed64(protowire.AppendTag(nil, 1, protowire.Fixed64Type), math.Float64bits(value))
		sample = protowire.AppendVarint(protowire.AppendTag(sample, 2, protowire.VarintType), uint64(at))
		s := &r.series[i]
		s.samples = protowire.AppendBytes(protowire.AppendTag(s.samples, 2, protowire.BytesType), sample)
	}
	if r.samples += len(values); r.samples < batch {
		return nil
	}
	r.encodeSamples()
	return r.send()
}

// encodeSamples moves the samples of the current label set to the request: a WriteRequest has TimeSeries, which have Labels and Samples.
// https://github.com/prometheus/prometheus/blob/main/prompb/types.proto
func (r *RemoteWrite) encodeSamples() {
	for i := range r.series {
		s := &r.series[i]
		if len(s.samples) == 0 {
			continue
		}
		r.request = protowire.AppendTag(r.request, 1, protowire.BytesType)
		r.request = protowire.AppendVarint(r.request, uint64(len(s.labels)+len(s.samples)))
		r.request = append(append(r.request, s.labels...), s.samples...)
		s.samples = s.samples[:0]
	}
}

// send sends the request.
func (r *RemoteWrite) send() error {
	if len(r.request) == 0 {
		return nil
	}
	_, err := r.api.Write(r.ctx, remote.WriteV1MessageType, encoded(r.request))
	r.request, r.samples = r.request[:0], 0
	if err == nil {
		return nil
	}
	for _, reason := range []string{"out of bounds", "out of order", "too old", "out-of-order"} {
		if strings.Contains(err.Error(), reason) {
			return errors.Join(err, errors.New("the receiver takes no samples that are so old: in Prometheus, set storage.tsdb.out_of_order_time_window "+
				"to the age of the oldest one, such as 1100d, while you export; in Mimir, limits.out_of_order_time_window"))
		}
	}
	return fmt.Errorf("send the samples: %w", err)
}

// Close sends what is left.
func (r *RemoteWrite) Close() error {
	r.encodeSamples()
	return r.send()
}

// encoded is a message that is encoded already, in the form that the client's API takes.
type encoded []byte

// SizeVT returns the length of the message.
func (e encoded) SizeVT() int { return len(e) }

// MarshalToSizedBufferVT copies the message to a buffer of its length.
func (e encoded) MarshalToSizedBufferVT(to []byte) (int, error) { return copy(to, e), nil }
