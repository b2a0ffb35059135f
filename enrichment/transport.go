package enrichment

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	userAgent = "dora-exporter"
	// maxRedirects are followed: a renamed repository needs one, a repository that was renamed often some more.
	maxRedirects = 10
	// connections are kept per host for the look-ups that run at the same time.
	maxIdlePerHost = 16
)

// transport makes the HTTP exchanges: it adds the token, logs the call, reports its outcome and bounds the answer.
type transport struct {
	base        *url.URL
	credential  credential
	logger      *slog.Logger
	inner       http.RoundTripper
	onRequest   func(route, code string)
	onRateLimit func(remaining, limit int)
}

// newHTTPTransport returns a transport that trusts the certificates of ca; those of the system if it is nil.
func newHTTPTransport(ca *x509.CertPool) http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	if ca != nil {
		t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: ca}
	}
	t.MaxIdleConnsPerHost = maxIdlePerHost
	t.MaxResponseHeaderBytes = maxHeaders
	// A connection that died without a word is found out instead of failing every call until the kernel gives it up.
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: 15 * time.Second}
	return t
}

// RoundTrip implements http.RoundTripper. If GitHub refuses a token that can be renewed, it makes the exchange again with another one.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !sameServer(req.URL, t.base) {
		return t.exchange(req, "")
	}
	token, err := t.credential.token(req.Context())
	if err != nil {
		return nil, err
	}
	resp, err := t.exchange(req, token)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || !t.credential.renew(token) || !rewind(req) {
		return resp, err
	}
	_ = resp.Body.Close()
	if token, err = t.credential.token(req.Context()); err != nil {
		return nil, err
	}
	return t.exchange(req, token)
}

// rewind makes a request ready to be sent again and reports whether that is possible.
func rewind(req *http.Request) bool {
	if req.Body == nil || req.Body == http.NoBody {
		return true
	}
	if req.GetBody == nil {
		return false
	}
	body, err := req.GetBody()
	req.Body = body
	return err == nil
}

// exchange makes one exchange with a token; without one if it is empty.
func (t *transport) exchange(req *http.Request, token string) (*http.Response, error) {
	ctx := req.Context()
	route := Route(req)
	if token != "" {
		req = req.Clone(ctx)
		req.Header.Set("Authorization", "Bearer "+token)
	}
	t.logger.DebugContext(ctx, "", "component", "github_api", "call", callName(req.URL))
	resp, err := t.inner.RoundTrip(req)
	if err != nil {
		t.onRequest(route, "error")
		return nil, err
	}
	t.onRequest(route, strconv.Itoa(resp.StatusCode))
	if remaining, ok := remainingCalls(resp.Header); ok {
		limit, _ := strconv.Atoi(resp.Header.Get("X-RateLimit-Limit"))
		t.onRateLimit(remaining, max(limit, 0))
	}
	limitErrorBody(resp)
	return resp, nil
}

type routeKey struct{}

// withRoute gives the exchanges of a call their name.
func withRoute(ctx context.Context, route string) context.Context {
	return context.WithValue(ctx, routeKey{}, route)
}

// Route is the template of the path that a call began with, such as /repos/{owner}/{repo}/commits/{sha}/pulls.
func Route(exchange *http.Request) string {
	route, _ := exchange.Context().Value(routeKey{}).(string)
	return route
}

// sameServerRedirects follows a redirect (a repository that was renamed) on the same server only: nothing that an answer
// says makes this program call another one.
func sameServerRedirects(req *http.Request, via []*http.Request) error {
	if first := via[0].URL; !sameServer(req.URL, first) {
		return fmt.Errorf("redirected from %s to %s, which is another server: correct the base URL", serverOf(first), serverOf(req.URL))
	}
	if len(via) > maxRedirects {
		return errors.New("redirected too often")
	}
	return nil
}

func sameServer(a, b *url.URL) bool { return serverOf(a) == serverOf(b) }

// serverOf is the scheme, host and port of a URL, the default port left out.
func serverOf(u *url.URL) string {
	port := u.Port()
	if port == "" || u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		return u.Scheme + "://" + strings.ToLower(u.Hostname())
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// callName is a URL without its query, as the documented log line has it.
func callName(u *url.URL) string {
	bare := *u
	bare.RawQuery = ""
	return bare.Redacted()
}
