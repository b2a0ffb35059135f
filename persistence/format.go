package persistence

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"google.golang.org/protobuf/proto"

	"dora-exporter/dora"
)

// The checkpoint is Prometheus' text format between a first line that says what it is and two last lines that show that it
// is whole; to other tools the three are comments.
const (
	headerPrefix   = "# dora-exporter checkpoint "
	headerFormat   = headerPrefix + "format=1 store=%s position=%d start=%s\n"
	checksumPrefix = "# checksum sha256="
	endLine        = "# EOF\n"
)

// header is what the first line says.
type header struct {
	store    string
	position int64
	start    time.Time
}

// encode writes the checkpoint.
// https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
func encode(h header, families []dora.Family, s dora.State) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, headerFormat, h.store, h.position, h.start.UTC().Format(time.RFC3339Nano))
	sorted := slices.SortedFunc(slices.Values(families), func(x, y dora.Family) int { return strings.Compare(x.Name, y.Name) })
	for _, f := range sorted {
		if len(s[f.Name]) == 0 {
			continue
		}
		if _, err := expfmt.MetricFamilyToText(&b, metricFamily(f, s[f.Name])); err != nil {
			return nil, fmt.Errorf("write %s: %w", f.Name, err)
		}
	}
	return seal(b.Bytes()), nil
}

// seal adds the last lines, which show that nothing is missing and nothing changed.
func seal(body []byte) []byte {
	return fmt.Appendf(body, "%s%x\n%s", checksumPrefix, sha256.Sum256(body), endLine)
}

func metricFamily(f dora.Family, all map[string]dora.Series) *dto.MetricFamily {
	keys := make([]string, 0, len(all))
	for key := range all {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	family := &dto.MetricFamily{Name: &f.Name, Help: &f.Help, Type: metricType(f).Enum()}
	for _, key := range keys {
		m := &dto.Metric{}
		for _, name := range f.Labels {
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

// errForeign says that a file is not a checkpoint of ours.
var errForeign = errors.New("no checkpoint header")

// decode checks a checkpoint and returns its header and text. The error is errForeign when it was written by another
// program, any other when it is ours and damaged.
func decode(data []byte) (header, error) {
	if !ours(data) {
		return header{}, errForeign
	}
	if len(data) == 0 {
		return header{}, errors.New("it is empty")
	}
	first, _, _ := bytes.Cut(data, []byte("\n"))
	var h header
	var start string
	if _, err := fmt.Sscanf(string(first)+"\n", headerFormat, &h.store, &h.position, &start); err != nil {
		return header{}, fmt.Errorf("its first line can't be read: %w", err)
	}
	var err error
	if h.start, err = time.Parse(time.RFC3339Nano, start); err != nil {
		return header{}, fmt.Errorf("its first line can't be read: %w", err)
	}
	rest, ok := bytes.CutSuffix(data, []byte(endLine))
	if !ok {
		return header{}, errors.New("it is cut: the last line is missing")
	}
	at := bytes.LastIndex(rest, []byte(checksumPrefix))
	if at < 0 {
		return header{}, errors.New("its checksum is missing")
	}
	if want := fmt.Sprintf("%s%x\n", checksumPrefix, sha256.Sum256(rest[:at])); want != string(rest[at:]) {
		return header{}, errors.New("its checksum does not match")
	}
	return h, nil
}

// ours says whether a file is, or was before it was damaged, a checkpoint of this program: it has the first line, or the
// beginning of it, or one of the last lines.
func ours(data []byte) bool {
	return bytes.HasPrefix(data, []byte(headerPrefix)) || bytes.HasPrefix([]byte(headerPrefix), data) ||
		bytes.Contains(data, []byte(checksumPrefix)) || bytes.HasSuffix(data, []byte(endLine)) ||
		bytes.Contains(data[:min(len(data), 2*len(headerPrefix))], []byte("dora-exporter"))
}
