package checkpoint

import (
	"bytes"
	"slices"
	"strconv"
)

// plainSample returns a line with a sample of OpenMetrics as Prometheus' text format has it: without an exemplar, and without a timestamp in
// seconds, which nothing here needs. Every other line is returned as it is, but for a carriage return at its end.
// https://prometheus.io/docs/specs/om/open_metrics_spec/#exemplars
func plainSample(line []byte) []byte {
	if rest, ok := bytes.CutSuffix(line, []byte("\r\n")); ok {
		line = slices.Concat(rest, []byte("\n"))
	}
	at := behindLabels(line)
	if !bytes.ContainsAny(bytes.TrimSpace(line[at:]), " \t") {
		return line // nothing but a value
	}
	value, _, exemplar := bytes.Cut(line[at:], []byte(" # {"))
	fields := bytes.Fields(value)
	if len(fields) == 2 {
		_, notMillis := strconv.ParseInt(string(fields[1]), 10, 64)
		_, notSeconds := strconv.ParseFloat(string(fields[1]), 64)
		exemplar = exemplar || notMillis != nil && notSeconds == nil
	}
	if !exemplar || len(fields) == 0 {
		return line
	}
	return slices.Concat(line[:at], []byte(" "), fields[0], []byte("\n"))
}

// behindLabels returns where the value of a sample begins, or the end of a line that is no sample.
func behindLabels(line []byte) int {
	at := bytes.IndexAny(line, "{ \t")
	if at < 0 || line[at] != '{' {
		return max(at, 0)
	}
	quoted := false
	for ; at < len(line); at++ {
		switch {
		case quoted && line[at] == '\\':
			at++
		case line[at] == '"':
			quoted = !quoted
		case line[at] == '}' && !quoted:
			return at + 1
		}
	}
	return len(line)
}
