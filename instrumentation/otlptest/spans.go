package otlptest

import (
	"cmp"
	"encoding/hex"
	"slices"
	"strings"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// Span is a step of a trace.
type Span struct {
	// Trace, ID, Parent and Links are ids in hexadecimal; Parent is empty for the first one, Links are of spans.
	Trace, ID, Parent string
	Links             []string
	Name              string
	Server, Client    bool
	Failed            bool
	Attributes        map[string]string
	Start, End        uint64
}

// Spans returns the spans of all requests that were not refused, in the order of their start.
func (r *Receiver) Spans() []Span {
	var all []Span
	for _, request := range r.Requests() {
		if !request.Refused {
			all = append(all, request.spans()...)
		}
	}
	slices.SortStableFunc(all, func(a, b Span) int { return cmp.Compare(a.Start, b.Start) })
	return all
}

func (r Request) spans() (all []Span) {
	for _, resource := range r.Traces.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				all = append(all, spanOf(s))
			}
		}
	}
	return all
}

func spanOf(s *tracepb.Span) Span {
	span := Span{
		Trace: hex.EncodeToString(s.GetTraceId()), ID: hex.EncodeToString(s.GetSpanId()), Parent: hex.EncodeToString(s.GetParentSpanId()),
		Name: s.GetName(), Server: s.GetKind() == tracepb.Span_SPAN_KIND_SERVER, Client: s.GetKind() == tracepb.Span_SPAN_KIND_CLIENT,
		Failed: s.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR, Attributes: textsOf(s.GetAttributes()),
		Start: s.GetStartTimeUnixNano(), End: s.GetEndTimeUnixNano(),
	}
	for _, l := range s.GetLinks() {
		span.Links = append(span.Links, hex.EncodeToString(l.GetSpanId()))
	}
	return span
}

// Tree returns the names of spans as text, each under its parent, in the order of their start. A span whose parent is missing stands at
// the left with a question mark.
func Tree(spans []Span) string {
	var b strings.Builder
	known := map[string]bool{}
	for _, s := range spans {
		known[s.ID] = true
	}
	var write func(parent, indent string)
	write = func(parent, indent string) {
		for _, s := range spans {
			if s.Parent == parent {
				b.WriteString(indent + s.Name + "\n")
				write(s.ID, indent+"  ")
			}
		}
	}
	write("", "")
	for _, s := range spans {
		if s.Parent != "" && !known[s.Parent] {
			b.WriteString("? " + s.Name + "\n")
			write(s.ID, "  ")
		}
	}
	return b.String()
}
