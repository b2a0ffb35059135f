package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"google.golang.org/protobuf/proto"

	"dora-exporter/dora"
)

// A checkpoint is Prometheus' text format between a header line and two lines at the end with the checksum and an end mark, which
// show that the file is complete. All three are comments to other tools.
const (
	headerPrefix   = "# dora-exporter checkpoint "
	headerFormat   = headerPrefix + "format=1 store=%s position=%d start=%s\n"
	checksumPrefix = "# checksum sha256="
	endLine        = "# EOF\n"
)

// header is the content of the first line.
type header struct {
	store    string
	position int64
	start    time.Time
}

// encode returns the text of a checkpoint.
// https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
func encode(h header, families []dora.Family, s dora.State) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(expectedSize(families, s))
	fmt.Fprintf(&b, headerFormat, h.store, h.position, h.start.UTC().Format(time.RFC3339Nano))
	if err := encodeValues(&b, families, s); err != nil {
		return nil, err
	}
	return seal(b.Bytes()), nil
}

// encodeValues writes the series in the order of their families' names and of their labels.
func encodeValues(b *bytes.Buffer, families []dora.Family, s dora.State) error {
	sorted := slices.SortedFunc(slices.Values(families), func(x, y dora.Family) int { return strings.Compare(x.Name, y.Name) })
	for _, f := range sorted {
		if len(s[f.Name]) == 0 {
			continue
		}
		if err := encodeFamily(b, f, s[f.Name]); err != nil {
			return fmt.Errorf("write %s: %w", f.Name, err)
		}
	}
	return nil
}

// encodeAtOnce is how many series are in the form of client_golang at the same time, which takes several times their memory.
const encodeAtOnce = 1000

func encodeFamily(b *bytes.Buffer, f dora.Family, all map[string]dora.Series) error {
	var part bytes.Buffer
	first := true
	for keys := range slices.Chunk(slices.Sorted(maps.Keys(all)), encodeAtOnce) {
		part.Reset()
		if _, err := expfmt.MetricFamilyToText(&part, metricFamily(f, keys, all)); err != nil {
			return err
		}
		for range 2 { // the lines # HELP and # TYPE
			if line, _ := part.ReadBytes('\n'); first {
				b.Write(line)
			}
		}
		b.Write(part.Bytes())
		first = false
	}
	return nil
}

// expectedSize returns about how many bytes the values take, or somewhat more.
func expectedSize(families []dora.Family, s dora.State) int {
	const number = 24 // bytes with its separators
	size := 1 << 10
	for _, f := range families {
		lines := 1
		if f.Kind == dora.Histogram {
			lines = len(f.Bounds) + 3
		}
		for key := range s[f.Name] {
			size += lines * (len(f.Name) + len(key) + number)
		}
	}
	return size
}

// unseal returns the body that was passed to seal; false if it was changed since.
func unseal(sealed []byte) ([]byte, bool) {
	at := bytes.LastIndex(sealed, []byte(checksumPrefix))
	if at < 0 || !bytes.Equal(seal(sealed[:at:at]), sealed) {
		return nil, false
	}
	return sealed[:at], true
}

// seal appends the last two lines.
func seal(body []byte) []byte {
	return fmt.Appendf(body, "%s%x\n%s", checksumPrefix, sha256.Sum256(body), endLine)
}

func metricFamily(f dora.Family, keys []string, all map[string]dora.Series) *dto.MetricFamily {
	family := &dto.MetricFamily{Name: &f.Name, Help: &f.Help, Type: metricType(f).Enum()}
	for _, key := range keys {
		m := &dto.Metric{}
		for _, name := range slices.Sorted(maps.Keys(all[key].Labels)) {
			m.Label = append(m.Label, &dto.LabelPair{Name: proto.String(name), Value: proto.String(all[key].Labels[name])})
		}
		value := proto.Float64(all[key].Value(f))
		switch f.Kind {
		case dora.Counter:
			m.Counter = &dto.Counter{Value: value}
		case dora.Histogram:
			m.Histogram = histogram(f, all[key])
		default:
			m.Gauge = &dto.Gauge{Value: value}
		}
		family.Metric = append(family.Metric, m)
	}
	return family
}

func metricType(f dora.Family) dto.MetricType {
	switch f.Kind {
	case dora.Counter:
		return dto.MetricType_COUNTER
	case dora.Histogram:
		return dto.MetricType_HISTOGRAM
	default:
		return dto.MetricType_GAUGE
	}
}
