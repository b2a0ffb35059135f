// Package otlptest has an OTLP receiver for tests.
package otlptest

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	metricpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip" // the compression that OTLP knows
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// Receiver is a running OTLP receiver.
type Receiver struct {
	// Address is host:port.
	Address string

	metricpb.UnimplementedMetricsServiceServer
	stop func()

	mu       sync.Mutex
	requests []Request
	refuses  bool
	partial  partialSuccess
	blocked  chan struct{}
}

// Request is a request for metrics or traces that the receiver got.
type Request struct {
	Path, Encoding string
	Header         http.Header
	Metrics        *metricpb.ExportMetricsServiceRequest
	Traces         *tracepb.ExportTraceServiceRequest
	Refused        bool
}

// NewHTTP starts a receiver of http/protobuf at an address, such as 127.0.0.1:0; without TLS if the configuration is nil.
func NewHTTP(t testing.TB, address string, c *tls.Config) *Receiver {
	t.Helper()
	r := &Receiver{}
	l := r.listen(t, address)
	if c != nil {
		l = tls.NewListener(l, c)
	}
	server := &http.Server{Handler: http.HandlerFunc(r.serveHTTP)} //nolint:gosec // a test has no slow clients
	r.stop = func() { r.Unblock(); _ = server.Close() }
	go func() { _ = server.Serve(l) }()
	t.Cleanup(r.Close)
	return r
}

// NewGRPC starts a receiver of gRPC at an address; without TLS if the configuration is nil.
func NewGRPC(t testing.TB, address string, c *tls.Config) *Receiver {
	t.Helper()
	r := &Receiver{}
	l := r.listen(t, address)
	options := []grpc.ServerOption{grpc.StatsHandler(encodings{})}
	if c != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(c)))
	}
	server := grpc.NewServer(options...)
	metricpb.RegisterMetricsServiceServer(server, r)
	tracepb.RegisterTraceServiceServer(server, traces{r: r})
	r.stop = func() { r.Unblock(); server.Stop() }
	go func() { _ = server.Serve(l) }()
	t.Cleanup(r.Close)
	return r
}

func (r *Receiver) listen(t testing.TB, address string) net.Listener {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	r.Address = l.Addr().String()
	return l
}

// Close stops the receiver.
func (r *Receiver) Close() { r.stop() }

// Refuse makes the receiver answer all requests from now on with an error that must not be retried, or accept them again.
func (r *Receiver) Refuse(refuses bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuses = refuses
}

// RejectPart makes the receiver answer requests with a message and the number of points or spans that it rejects; without a message it
// accepts them as a whole.
func (r *Receiver) RejectPart(message string, rejected int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.partial = partialSuccess{message, rejected}
}

// partialSuccess describes the rejected part of a request in an answer.
type partialSuccess struct {
	message  string
	rejected int64
}

// Block makes all requests from now on wait until Unblock is called.
func (r *Receiver) Block() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.blocked = make(chan struct{})
}

// Unblock ends the wait of the blocked requests.
func (r *Receiver) Unblock() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.blocked != nil {
		close(r.blocked)
		r.blocked = nil
	}
}

// Requests returns the requests so far, the blocked ones too.
func (r *Receiver) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Request(nil), r.requests...)
}

// take stores a request and returns how to answer it. It waits while requests are blocked.
func (r *Receiver) take(ctx context.Context, request Request) (refused bool, answer partialSuccess) {
	r.mu.Lock()
	request.Refused = r.refuses
	r.requests = append(r.requests, request)
	blocked, answer := r.blocked, r.partial
	r.mu.Unlock()
	if blocked != nil {
		select {
		case <-blocked:
		case <-ctx.Done():
		}
	}
	return request.Refused, answer
}

// takeCall takes a request that came over gRPC.
func (r *Receiver) takeCall(ctx context.Context, request Request) (answer partialSuccess, err error) {
	request.Header = http.Header{}
	got, _ := metadata.FromIncomingContext(ctx)
	for name, values := range got {
		request.Header[http.CanonicalHeaderKey(name)] = values
	}
	encoding, _ := ctx.Value(encodingKey{}).(*string)
	request.Encoding = *encoding
	refused, answer := r.take(ctx, request)
	if refused {
		return answer, status.Error(codes.InvalidArgument, "refused: "+strings.Join(request.Header["Authorization"], ""))
	}
	return answer, nil
}

// Export handles gRPC's call for metrics.
func (r *Receiver) Export(ctx context.Context, in *metricpb.ExportMetricsServiceRequest) (*metricpb.ExportMetricsServiceResponse, error) {
	answer, err := r.takeCall(ctx, Request{Metrics: in})
	if err != nil {
		return nil, err
	}
	return answer.ofMetrics(), nil
}

// traces handles gRPC's call for traces.
type traces struct {
	tracepb.UnimplementedTraceServiceServer
	r *Receiver
}

func (t traces) Export(ctx context.Context, in *tracepb.ExportTraceServiceRequest) (*tracepb.ExportTraceServiceResponse, error) {
	answer, err := t.r.takeCall(ctx, Request{Traces: in})
	if err != nil {
		return nil, err
	}
	return answer.ofTraces(), nil
}

func (s partialSuccess) ofMetrics() *metricpb.ExportMetricsServiceResponse {
	if s.message == "" {
		return &metricpb.ExportMetricsServiceResponse{}
	}
	return &metricpb.ExportMetricsServiceResponse{PartialSuccess: &metricpb.ExportMetricsPartialSuccess{RejectedDataPoints: s.rejected, ErrorMessage: s.message}}
}

func (s partialSuccess) ofTraces() *tracepb.ExportTraceServiceResponse {
	if s.message == "" {
		return &tracepb.ExportTraceServiceResponse{}
	}
	return &tracepb.ExportTraceServiceResponse{PartialSuccess: &tracepb.ExportTracePartialSuccess{RejectedSpans: s.rejected, ErrorMessage: s.message}}
}

func (r *Receiver) serveHTTP(w http.ResponseWriter, in *http.Request) {
	request := Request{Path: in.URL.Path, Encoding: in.Header.Get("Content-Encoding"), Header: in.Header}
	body := io.Reader(in.Body)
	if request.Encoding == "gzip" {
		var err error
		if body, err = gzip.NewReader(in.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	data, err := io.ReadAll(body)
	if err == nil {
		err = request.read(data)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	refused, partial := r.take(in.Context(), request)
	if refused {
		http.Error(w, "refused: "+in.Header.Get("Authorization"), http.StatusBadRequest)
		return
	}
	answer := proto.Message(partial.ofMetrics())
	if request.Traces != nil {
		answer = partial.ofTraces()
	}
	data, err = proto.Marshal(answer)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(data)
}

// read decodes a body: metrics or traces, by the path.
func (r *Request) read(data []byte) error {
	if strings.HasSuffix(r.Path, "/v1/traces") {
		r.Traces = &tracepb.ExportTraceServiceRequest{}
		return proto.Unmarshal(data, r.Traces)
	}
	r.Metrics = &metricpb.ExportMetricsServiceRequest{}
	return proto.Unmarshal(data, r.Metrics)
}

// encodings puts the compression of a gRPC request into its context, since the call does not see it.
type encodings struct{}

type encodingKey struct{}

func (encodings) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, encodingKey{}, new(string))
}

func (encodings) HandleRPC(ctx context.Context, s stats.RPCStats) {
	if header, ok := s.(*stats.InHeader); ok {
		*ctx.Value(encodingKey{}).(*string) = header.Compression
	}
}

func (encodings) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (encodings) HandleConn(context.Context, stats.ConnStats) {}
