package instrumentation

import (
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
)

const (
	// scrapeWriteTimeout bounds how long a client may take for reading an answer.
	scrapeWriteTimeout = 30 * time.Second
	// maxFiltered bounds the requests for some families alone (name[]) or in a form for debugging that are answered at a time.
	maxFiltered = 4
)

var (
	// sharedFormats are what scrapers ask for. Requests for the same one share their answer.
	sharedFormats = []expfmt.Format{expfmt.FmtProtoDelim, expfmt.FmtText}
	// acceptedFormats has in addition the forms of protobuf that only people ask for. Their answers are written family by family,
	// a few at a time, instead of being kept.
	acceptedFormats = append(slices.Clone(sharedFormats), expfmt.FmtProtoText, expfmt.FmtProtoCompact)
)

// scrapeHandler answers scrapes. Those of the same format share one text, so that many of them, also of clients that never read the
// answer, take the memory of one.
type scrapeHandler struct {
	shared   map[variant]*sharedText
	filtered http.Handler
	slots    chan struct{}
}

// variant is a format of the answer.
type variant struct {
	format expfmt.Format
	gzip   bool
}

// newScrapeHandler returns a handler that registers the metrics of its own errors.
func newScrapeHandler(from prometheus.Gatherer, own prometheus.Registerer) *scrapeHandler {
	handler := promhttp.HandlerFor(from, promhttp.HandlerOpts{AcceptedFormats: acceptedFormats, Registry: own})
	s := &scrapeHandler{shared: map[variant]*sharedText{}, filtered: handler, slots: make(chan struct{}, maxFiltered)}
	for _, format := range sharedFormats {
		for _, zipped := range []bool{false, true} {
			v := variant{format, zipped}
			s.shared[v] = newSharedText(func(to body) *text { return v.render(handler, to) })
		}
	}
	return s
}

func (s *scrapeHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(scrapeWriteTimeout))
	negotiated := expfmt.NegotiateAccept(r.Header, acceptedFormats...)
	kind := negotiated.FormatType()
	if r.URL.Query().Has("name[]") || kind == expfmt.TypeProtoText || kind == expfmt.TypeProtoCompact {
		s.filter(w, r)
		return
	}
	// Names need no escaping, so that formats that differ in it are the same but for their names.
	v := variant{expfmt.FmtText, acceptsGzip(r.Header)}
	if kind == expfmt.TypeProtoDelim {
		v.format = expfmt.FmtProtoDelim
	}
	shared := s.shared[v]
	reader, t := shared.acquire(func() { _ = control.SetWriteDeadline(time.Unix(1, 0)) })
	defer shared.release(reader)
	header := w.Header()
	for name, values := range t.header {
		header[name] = values
	}
	if t.status == http.StatusOK {
		header.Set("Content-Type", string(negotiated))
	}
	header.Set("Content-Length", strconv.Itoa(t.body.size))
	w.WriteHeader(t.status)
	_ = t.body.writeTo(w) // the client has disconnected
}

// filter answers a request with name[]. There are too many combinations of families to share texts.
func (s *scrapeHandler) filter(w http.ResponseWriter, r *http.Request) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
		s.filtered.ServeHTTP(w, r)
	default:
		w.Header().Set("Retry-After", "10")
		http.Error(w, "too many requests with name[] or for text forms of protobuf at once", http.StatusServiceUnavailable)
	}
}

// acceptsGzip reports whether a client accepts gzip.
func acceptsGzip(header http.Header) bool {
	for _, coding := range strings.Split(header.Get("Accept-Encoding"), ",") {
		name, parameters, _ := strings.Cut(coding, ";")
		if name := textproto.TrimString(name); name != "gzip" && name != "*" {
			continue
		}
		q, weighted := strings.CutPrefix(textproto.TrimString(parameters), "q=")
		weight, err := strconv.ParseFloat(q, 64)
		return !weighted || err == nil && weight > 0
	}
	return false
}

// text is a complete answer. It is immutable while it has readers.
type text struct {
	status int
	header http.Header
	body   body
}

// render returns the answer of a handler, in the memory of a body.
func (v variant) render(handler http.Handler, to body) *text {
	request := &http.Request{Method: http.MethodGet, Header: http.Header{"Accept": {string(v.format)}}}
	if v.gzip {
		request.Header.Set("Accept-Encoding", "gzip")
	}
	w := &textWriter{text{status: http.StatusOK, header: http.Header{}, body: to}}
	handler.ServeHTTP(w, request)
	return &w.text
}

// textWriter is an http.ResponseWriter that collects the answer.
type textWriter struct{ text }

func (w *textWriter) Header() http.Header         { return w.header }
func (w *textWriter) WriteHeader(status int)      { w.status = status }
func (w *textWriter) Write(p []byte) (int, error) { return w.body.Write(p) }
