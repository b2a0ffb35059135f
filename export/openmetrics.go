package export

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"dora-exporter/dora"
)

// OpenMetrics writes samples as OpenMetrics text, for promtool tsdb create-blocks-from openmetrics.
// https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md
type OpenMetrics struct {
	out    *bufio.Writer
	labels dora.Labels
	names  []dora.PublishedSeries
	// beginnings are the series of the current label set as they are written, with a space at the end.
	beginnings []string
	line       []byte
}

// NewOpenMetrics returns a sink that writes to w, with further labels for all series.
func NewOpenMetrics(w io.Writer, labels dora.Labels) *OpenMetrics {
	return &OpenMetrics{out: bufio.NewWriterSize(w, 1<<16), labels: labels}
}

// Begin writes what the family is. OpenMetrics wants that a counter ends in _total, which one of ours doesn't.
func (o *OpenMetrics) Begin(f dora.Family) error {
	name, isTotal := strings.CutSuffix(f.Name, "_total")
	kind := "gauge"
	switch {
	case f.Kind == dora.Histogram:
		kind = "histogram"
	case f.Kind == dora.Counter && isTotal:
		kind = "counter"
	case f.Kind == dora.Counter:
		kind = "unknown"
	}
	o.names = f.Published()
	if _, err := fmt.Fprintf(o.out, "# HELP %s %s\n# TYPE %s %s\n", name, helpEscapes.Replace(f.Help), name, kind); err != nil {
		return err
	}
	if strings.HasSuffix(name, "_seconds") {
		_, err := fmt.Fprintf(o.out, "# UNIT %s seconds\n", name)
		return err
	}
	return nil
}

// Series begins a label set.
func (o *OpenMetrics) Series(l dora.Labels) error {
	o.beginnings = o.beginnings[:0]
	all := labelsOf(l, o.labels)
	for _, name := range o.names {
		labels := all
		if name.Bound != "" {
			labels = all.With("le", name.Bound)
		}
		o.beginnings = append(o.beginnings, dora.SeriesName(name.Name, labels)+" ")
	}
	return nil
}

// Point writes a line for each series.
func (o *OpenMetrics) Point(at int64, values []float64) error {
	for i, value := range values {
		o.line = append(o.line[:0], o.beginnings[i]...)
		o.line = append(strconv.AppendFloat(o.line, value, 'g', -1, 64), ' ')
		o.line = strconv.AppendInt(o.line, at/1000, 10)
		if ms := at % 1000; ms != 0 {
			o.line = fmt.Appendf(o.line, ".%03d", ms)
		}
		if _, err := o.out.Write(append(o.line, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// Close writes the end of the text.
func (o *OpenMetrics) Close() error {
	if _, err := o.out.WriteString("# EOF\n"); err != nil {
		return err
	}
	return o.out.Flush()
}

var helpEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
