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
	said     said
	blocked  chan struct{}
}

// Request is what the receiver got: metrics or traces.
type Request struct {
	Path, Encoding string
	Header         http.Header
	Metrics        *metricpb.ExportMetricsServiceRequest
	Traces         *tracepb.ExportTraceServiceRequest
	Refused        bool
}

// NewHTTP starts a receiver of http/protobuf at an address, such as 127.0.0.1:0; without TLS when the configuration is nil.
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

// NewGRPC starts a receiver of gRPC likewise.
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

// Refuse has all requests from now on answered with an error that says not to try again, or taken again.
func (r *Receiver) Refuse(refuses bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuses = refuses
}

// Say has requests answered with a message, and with how much of them is refused; without a message they are taken as a whole.
func (r *Receiver) Say(message string, refused int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = said{message, refused}
}

// said is what requests are answered with.
type said struct {
	message string
	refused int64
}

// Block has all requests from now on wait until Unblock.
func (r *Receiver) Block() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.blocked = make(chan struct{})
}

// Unblock lets them go on.
func (r *Receiver) Unblock() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.blocked != nil {
		close(r.blocked)
		r.blocked = nil
	}
}

// Requests are those that have come so far.
func (r *Receiver) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Request(nil), r.requests...)
}

// take notes a request and says how it is answered.
func (r *Receiver) take(ctx context.Context, request Request) (refused bool, answer said) {
	r.mu.Lock()
	request.Refused = r.refuses
	r.requests = append(r.requests, request)
	blocked, answer := r.blocked, r.said
	r.mu.Unlock()
	if blocked != nil {
		select {
		case <-blocked:
		case <-ctx.Done():
		}
	}
	return request.Refused, answer
}

// takeCall takes what came over gRPC.
func (r *Receiver) takeCall(ctx context.Context, request Request) (answer said, err error) {
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

// Export is gRPC's call for metrics.
func (r *Receiver) Export(ctx context.Context, in *metricpb.ExportMetricsServiceRequest) (*metricpb.ExportMetricsServiceResponse, error) {
	answer, err := r.takeCall(ctx, Request{Metrics: in})
	if err != nil {
		return nil, err
	}
	return answer.ofMetrics(), nil
}

// traces are the receiver, for gRPC's call for them.
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

func (s said) ofMetrics() *metricpb.ExportMetricsServiceResponse {
	if s.message == "" {
		return &metricpb.ExportMetricsServiceResponse{}
	}
	return &metricpb.ExportMetricsServiceResponse{PartialSuccess: &metricpb.ExportMetricsPartialSuccess{RejectedDataPoints: s.refused, ErrorMessage: s.message}}
}

func (s said) ofTraces() *tracepb.ExportTraceServiceResponse {
	if s.message == "" {
		return &tracepb.ExportTraceServiceResponse{}
	}
	return &tracepb.ExportTraceServiceResponse{PartialSuccess: &tracepb.ExportTracePartialSuccess{RejectedSpans: s.refused, ErrorMessage: s.message}}
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
	refused, said := r.take(in.Context(), request)
	if refused {
		http.Error(w, "refused: "+in.Header.Get("Authorization"), http.StatusBadRequest)
		return
	}
	answer := proto.Message(said.ofMetrics())
	if request.Traces != nil {
		answer = said.ofTraces()
	}
	data, err = proto.Marshal(answer)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(data)
}

// read reads a body: what it has is told by the path.
func (r *Request) read(data []byte) error {
	if strings.HasSuffix(r.Path, "/v1/traces") {
		r.Traces = &tracepb.ExportTraceServiceRequest{}
		return proto.Unmarshal(data, r.Traces)
	}
	r.Metrics = &metricpb.ExportMetricsServiceRequest{}
	return proto.Unmarshal(data, r.Metrics)
}

// encodings keeps how a gRPC request is compressed, which the call does not see.
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
