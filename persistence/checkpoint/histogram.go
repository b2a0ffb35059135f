package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"

	"dora-exporter/dora"
)

// histogram returns a series as published: its buckets are cumulative, and the last one is le="+Inf".
// https://prometheus.io/docs/concepts/metric_types/#histogram
func histogram(f dora.Family, s dora.Series) *dto.Histogram {
	counts, all := s.Counts(f)
	h := &dto.Histogram{SampleCount: proto.Uint64(uint64(all)), SampleSum: proto.Float64(s.Value(f))}
	upTo := int64(0)
	for i, bound := range append(f.UpperBounds(), math.Inf(1)) {
		upTo += counts[i]
		h.Bucket = append(h.Bucket, &dto.Bucket{UpperBound: proto.Float64(bound), CumulativeCount: proto.Uint64(uint64(upTo))})
	}
	return h
}

// errBounds reports that a valid histogram has other bounds than its family.
var errBounds = errors.New("its buckets have other bounds")

// observations returns the sum and the bucket counts of a histogram in a file. The error is errBounds if the histogram is valid but
// has other bounds than the family.
func observations(f dora.Family, h *dto.Histogram) (sum float64, buckets []int64, err error) {
	if h.SampleSum == nil || (h.SampleCount == nil && h.SampleCountFloat == nil) {
		return 0, nil, errors.New("its _sum or _count is missing")
	}
	all, err := parseCount(h.GetSampleCount(), h.SampleCountFloat)
	if err != nil {
		return 0, nil, err
	}
	upTo, bounds := int64(0), []float64{math.Inf(-1)}
	for _, b := range h.GetBucket() {
		n, err := parseCount(b.GetCumulativeCount(), b.CumulativeCountFloat)
		if err != nil {
			return 0, nil, err
		}
		if bound := b.GetUpperBound(); bound <= bounds[len(bounds)-1] || n < upTo {
			return 0, nil, fmt.Errorf("its buckets don't increase at le=%g", bound)
		}
		bounds, buckets, upTo = append(bounds, b.GetUpperBound()), append(buckets, n-upTo), n
	}
	sum = h.GetSampleSum()
	switch {
	case !math.IsInf(bounds[len(bounds)-1], 1) || upTo != all:
		return 0, nil, fmt.Errorf("its _count of %d differs from the bucket le=+Inf", all)
	case !(sum >= 0), math.IsInf(sum, 1), all == 0 && sum != 0:
		return 0, nil, fmt.Errorf("its _sum of %g is impossible for %d observations", sum, all)
	case !slices.Equal(bounds[1:len(bounds)-1], f.UpperBounds()):
		return 0, nil, errBounds
	}
	return sum, buckets, nil
}

// parseCount returns a count that the text parser read as an integer or, if other values of the histogram are not integers, as a float.
func parseCount(whole uint64, float *float64) (int64, error) {
	n := float64(whole)
	if float != nil {
		n = *float
	}
	const limit = 1 << 53 // above it a float64 can't represent all integers
	if !(n >= 0 && n < limit) || n != math.Trunc(n) {
		return 0, fmt.Errorf("%g is not a count", n)
	}
	return int64(n), nil
}

// countLines returns the number of lines of each name. The text parser skips a bucket without le and takes the last of two sums or
// counts, without an error.
func countLines(text []byte) map[string]int {
	lines := map[string]int{}
	for line := range bytes.Lines(text) {
		line = bytes.TrimLeft(line, " \t")
		if end := bytes.IndexAny(line, "{ \t"); end > 0 && line[0] != '#' {
			lines[string(line[:end])]++
		}
	}
	return lines
}

// hasUnparsedLines reports whether the parser skipped lines of a histogram's family.
func hasUnparsedLines(lines map[string]int, found *dto.MetricFamily) bool {
	name, n := found.GetName(), 0
	for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
		n += lines[name+suffix]
	}
	for _, m := range found.GetMetric() {
		n -= len(m.GetHistogram().GetBucket()) + 2
	}
	return n > 0
}
