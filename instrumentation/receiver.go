package instrumentation

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// Receiver is the address of an OTLP receiver with the options of its connection.
type Receiver struct {
	// Protocol is grpc or http/protobuf.
	Protocol string
	// Endpoint is a URL with scheme, host and path over HTTP, a gRPC target over gRPC.
	Endpoint string
	// TLS is nil for a connection in plain text.
	TLS *tls.Config
	// Headers are sent with each request. Their values are secrets.
	Headers map[string]string
	Gzip    bool
	// Timeout bounds a request with its retries.
	Timeout time.Duration
}

// Bounds of the backoff before a request is retried or a lost connection is re-established.
const (
	minBackoff = time.Second
	maxBackoff = 15 * time.Second
)

// Address returns the endpoint without its query, which may contain a key, for logs.
func (r Receiver) Address() string {
	bare, _, _ := strings.Cut(r.Endpoint, "?")
	return bare
}

// httpClient returns the client for requests over HTTP.
func (r Receiver) httpClient() (*http.Client, error) {
	to, err := url.Parse(r.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("the OTLP endpoint %s can't be parsed", r.Address())
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = r.TLS
	return &http.Client{
		Timeout: r.Timeout, Transport: fixedURL{to, t},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the headers are meant for the endpoint only
	}, nil
}

// fixedURL sends requests to a URL exactly as it is written. The exporters would drop its query and the escapes in its path.
type fixedURL struct {
	to    *url.URL
	inner http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (e fixedURL) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.WithContext(r.Context()) // a copy
	r.URL, r.Host = e.to, ""
	response, err := e.inner.RoundTrip(r)
	if err == nil && slices.Contains(retried, response.StatusCode) {
		response.Body = namedBody{io.MultiReader(strings.NewReader(response.Status+": "), response.Body), response.Body}
	}
	return response, err
}

// retried are the answers after which the exporters try again. Their errors have only the text of such an answer, so it gets the status.
var retried = []int{http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}

// namedBody is the body of an answer after its status.
type namedBody struct {
	io.Reader
	io.Closer
}

// credentials returns the transport credentials of a connection over gRPC.
func (r Receiver) credentials() credentials.TransportCredentials {
	if r.TLS == nil {
		return insecure.NewCredentials()
	}
	return credentials.NewTLS(r.TLS)
}

// retryConfig has the fields of the RetryConfig of each exporter, into which it is converted.
type retryConfig struct {
	Enabled                                      bool
	InitialInterval, MaxInterval, MaxElapsedTime time.Duration
}

// retry returns how a request is retried.
func (r Receiver) retry() retryConfig {
	return retryConfig{Enabled: true, InitialInterval: minBackoff, MaxInterval: maxBackoff, MaxElapsedTime: r.Timeout}
}

// reconnect bounds gRPC's own backoff, which grows to two minutes, so that a receiver that is back soon gets pushes again.
func (r Receiver) reconnect() grpc.DialOption {
	return grpc.WithConnectParams(grpc.ConnectParams{
		Backoff:           backoff.Config{BaseDelay: minBackoff, Multiplier: 1.6, Jitter: 0.2, MaxDelay: maxBackoff},
		MinConnectTimeout: min(r.Timeout, maxBackoff),
	})
}

// redact returns the text of an error without secrets: a receiver's answer may repeat what it was sent, at any length.
func (r Receiver) redact(err error) string {
	text := strings.ReplaceAll(err.Error(), r.Endpoint, r.Address())
	const minSecretBytes = 5 // replacing shorter values would garble the text
	for name, secret := range r.Headers {
		if len(secret) >= minSecretBytes {
			text = strings.ReplaceAll(text, secret, fmt.Sprintf("(%s)", name))
		}
	}
	return truncate(text)
}

// LogErrors logs the errors that OpenTelemetry's libraries would print, at level debug: the results of pushes are logged elsewhere.
func LogErrors(logger *slog.Logger) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { logger.Debug("OpenTelemetry", "error", truncate(err.Error())) }))
}

// truncate shortens foreign text to a length that suits a log line or an attribute.
func truncate(text string) string {
	const limit = 300 // bytes
	if len(text) > limit {
		text = text[:limit] + "…"
	}
	return strings.ToValidUTF8(text, "")
}
