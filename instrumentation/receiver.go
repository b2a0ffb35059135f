package instrumentation

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// Receiver is an OTLP receiver, and how a signal is pushed to it.
type Receiver struct {
	// Protocol is grpc or http/protobuf.
	Protocol string
	// Endpoint is a URL with scheme, host and path over HTTP, a gRPC target over gRPC.
	Endpoint string
	// TLS is nil for a connection in plain text.
	TLS *tls.Config
	// Headers are sent along. They are secrets.
	Headers map[string]string
	Gzip    bool
	// Timeout bounds one request with its repetitions.
	Timeout time.Duration
}

// The waits before a request that can be repeated is, and before a lost connection is made again; they get longer.
const (
	minBackoff = time.Second
	maxBackoff = 15 * time.Second
)

// Address is the endpoint as it may be logged: its query may have a key.
func (r Receiver) Address() string {
	bare, _, _ := strings.Cut(r.Endpoint, "?")
	return bare
}

// client makes the requests over HTTP.
func (r Receiver) httpClient() (*http.Client, error) {
	to, err := url.Parse(r.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("the OTLP endpoint %s can't be parsed", r.Address())
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = r.TLS
	return &http.Client{
		Timeout: r.Timeout, Transport: fixedURL{to, t},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the headers are for the endpoint
	}, nil
}

// fixedURL has requests go to a URL as it is written, of which the exporters leave out the query and what is escaped in the path.
type fixedURL struct {
	to    *url.URL
	inner http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (e fixedURL) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.WithContext(r.Context()) // a copy
	r.URL, r.Host = e.to, ""
	return e.inner.RoundTrip(r)
}

// credentials are those of a connection over gRPC.
func (r Receiver) credentials() credentials.TransportCredentials {
	if r.TLS == nil {
		return insecure.NewCredentials()
	}
	return credentials.NewTLS(r.TLS)
}

// reconnect makes a lost connection over gRPC again soon: gRPC's own waits go up to two minutes, in which a receiver that is
// back would get nothing.
func (r Receiver) reconnect() grpc.DialOption {
	return grpc.WithConnectParams(grpc.ConnectParams{
		Backoff:           backoff.Config{BaseDelay: minBackoff, Multiplier: 1.6, Jitter: 0.2, MaxDelay: maxBackoff},
		MinConnectTimeout: min(r.Timeout, maxBackoff),
	})
}

// told is an error as it may be logged: a receiver's answer may repeat what it was sent, at any length.
func (r Receiver) redact(err error) string {
	text := strings.ReplaceAll(err.Error(), r.Endpoint, r.Address())
	const shortest = 5 // bytes of what may be a secret; to take out less would leave no sense
	for name, secret := range r.Headers {
		if len(secret) >= shortest {
			text = strings.ReplaceAll(text, secret, fmt.Sprintf("(%s)", name))
		}
	}
	return truncate(text)
}

// LogErrors has what OpenTelemetry's libraries could only print, such as that the end came amid a push, logged for who debugs:
// how pushes go is logged elsewhere.
func LogErrors(logger *slog.Logger) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { logger.Debug("OpenTelemetry", "error", truncate(err.Error())) }))
}

// truncate is a text of others at a length for a log line or an attribute.
func truncate(text string) string {
	const most = 300 // bytes
	if len(text) > most {
		text = text[:most] + "…"
	}
	return strings.ToValidUTF8(text, "")
}
