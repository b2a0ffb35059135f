package checkpoint

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"dora-exporter/dora"
)

const (
	// maxLine limits a line with a sample, in bytes; comments may be longer.
	maxLine = 1 << 20
	// partSize is how much text is parsed at once, in bytes, so that memory does not grow with the file. maxPart limits the lines
	// that must be parsed at once since they belong to one series.
	partSize = 256 << 10
	maxPart  = 16 << 20
)

// parseText parses Prometheus' text format in parts. It calls take for each part of a family of ours, with the number of lines of each
// name. Other families are parsed, too, and skip is called with their names. Memory is needed for one part only.
func parseText(r io.Reader, families map[string]dora.Family, take func(*dto.MetricFamily, map[string]int) error, skip func(name string)) error {
	p := &textParser{families: families, take: take, skip: skip, heads: map[string]string{}}
	in := bufio.NewReaderSize(r, 64<<10)
	for number := 1; ; number++ {
		p.number = number
		line, err := readLine(in)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("line %d: %w", number, err)
		}
		if failed := p.addLine(line); failed != nil {
			return failed
		}
		if err != nil {
			return p.flush()
		}
	}
}

// readLine returns a line with its line break, and io.EOF with the last one. It truncates comments that are too long.
func readLine(in *bufio.Reader) (line []byte, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if len(line)+len(part) <= maxLine {
			line = append(line, part...)
		} else if len(line) == 0 || line[0] != '#' {
			return nil, fmt.Errorf("it has more than %d bytes", maxLine)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// textParser collects lines into parts of one family each and parses them.
type textParser struct {
	families map[string]dora.Family
	take     func(*dto.MetricFamily, map[string]int) error
	skip     func(name string)

	number int // of the current line
	part   bytes.Buffer
	from   int    // number of the part's first line
	family string // of the part; empty for families of other programs
	first  string // name of the first sample in the part
	last   string // name of the last sample in the part
	// heads holds the TYPE lines of our families, which precede each of their parts.
	heads map[string]string
}

// addLine adds a line to its part.
func (p *textParser) addLine(line []byte) error {
	text := bytes.TrimLeft(line, " \t")
	if len(bytes.TrimSpace(text)) == 0 {
		return nil
	}
	if text[0] == '#' {
		return p.addComment(text)
	}
	name := sampleName(text)
	line = plainSample(text)
	family := p.familyOf(name)
	if family != p.family || p.mayEndPart(name) {
		if err := p.beginPart(family); err != nil {
			return err
		}
	}
	if p.first == "" {
		p.first = name
	}
	p.last = name
	p.part.Write(line)
	if p.part.Len() > maxPart+maxLine {
		return fmt.Errorf("line %d: the lines of %s are not grouped by series", p.number, family)
	}
	return nil
}

// addComment adds a line with a type to its part. Others say nothing.
func (p *textParser) addComment(text []byte) error {
	fields := strings.Fields(string(text[:min(len(text), 4096)]))
	if len(fields) < 4 || fields[0] != "#" || fields[1] != "TYPE" {
		return nil
	}
	name := fields[2]
	switch fields[3] {
	case "unknown", "info", "stateset": // types of OpenMetrics
		text = []byte("# TYPE " + name + " untyped\n")
	case "gaugehistogram":
		return nil
	}
	if _, ours := p.families[name+"_total"]; ours && fields[3] == "counter" {
		name += "_total" // as OpenMetrics has it
		text = []byte("# TYPE " + name + " counter\n")
	}
	if _, ours := p.families[name]; !ours {
		if p.family != "" || p.part.Len() > partSize {
			if err := p.beginPart(""); err != nil {
				return err
			}
		}
		p.part.Write(text)
		return nil
	}
	if p.heads[name] != "" {
		return fmt.Errorf("%s has two types", name)
	}
	p.heads[name] = strings.TrimRight(string(text), "\r\n") + "\n"
	return p.beginPart(name)
}

// familyOf returns the family of ours that a sample belongs to; empty for families of other programs.
func (p *textParser) familyOf(name string) string {
	if _, ours := p.families[name]; ours {
		return name
	}
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base, ok := strings.CutSuffix(name, suffix); ok && p.families[base].Kind == dora.Histogram && p.families[base].Name != "" {
			return base
		}
	}
	return ""
}

// mayEndPart reports whether the part is large enough and a sample of this name begins another series. The lines of a histogram have
// the same order in each series.
func (p *textParser) mayEndPart(name string) bool {
	if p.part.Len() < partSize {
		return false
	}
	return p.family == "" || p.families[p.family].Kind != dora.Histogram || name == p.first && name != p.last
}

// beginPart parses the collected part and begins another one.
func (p *textParser) beginPart(family string) error {
	if err := p.flush(); err != nil {
		return err
	}
	p.family, p.from = family, p.number
	p.part.WriteString(p.heads[family])
	return nil
}

// flush parses the collected part.
func (p *textParser) flush() error {
	defer func() {
		p.part.Reset()
		p.first, p.last, p.family = "", "", ""
	}()
	if p.part.Len() == 0 {
		return nil
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	lines := countLines(p.part.Bytes())
	parsed, err := parser.TextToMetricFamilies(&p.part)
	if err != nil {
		if parse := new(expfmt.ParseError); errors.As(err, parse) {
			err = errors.New(parse.Msg)
		}
		return fmt.Errorf("lines %d to %d: %w", max(p.from, 1), p.number, err)
	}
	for name, found := range parsed {
		if _, ours := p.families[name]; !ours || name != p.family {
			p.skip(name)
		} else if err := p.take(found, lines); err != nil {
			return err
		}
	}
	return nil
}

// sampleName returns the name of a sample.
func sampleName(line []byte) string {
	if end := bytes.IndexAny(line, "{ \t\r\n"); end >= 0 {
		line = line[:end]
	}
	return string(line)
}
