// Package enrichment queries the GitHub API for the first commit of a change and for the changes that a deployment ships. All calls
// of a process pass one gate, which pauses them while GitHub fails, limits the rate or refuses the token.
package enrichment

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"dora-exporter/dora"
	"dora-exporter/internal/bounds"
)

const (
	defaultBaseURL = "https://api.github.com/"
	defaultTimeout = 15 * time.Second
)

// Options configure a GitHub client. The functions are optional; they are called from several goroutines, some with a lock
// held, and must return at once.
type Options struct {
	// BaseURL is the base URL of the REST API: https://api.github.com/ if empty, https://ghe.example.com/api/v3/ for
	// GitHub Enterprise Server. A slash is added at its end if it has none.
	BaseURL string
	// Token is sent to the server of BaseURL only. Without a token, calls are unauthenticated.
	Token string
	// Key is the key of the credential in the configuration, for messages; github.token if empty.
	Key string
	// CA has the certificates of the server's CA; nil for those of the system.
	CA     *x509.CertPool
	Logger *slog.Logger
	// Timeout limits one call with its redirects and the reading of its answer; 15 s if 0.
	Timeout time.Duration
	// OnRequest is called for each HTTP request; a redirect causes another one. route is a template such as
	// /repos/{owner}/{repo}/commits/{sha}/pulls, code an HTTP status or "error" if there was no answer.
	OnRequest func(route, code string)
	// OnRateLimit is called with the rate limit headers of each answer that has them; limit is 0 if it is missing.
	OnRateLimit func(remaining, limit int)
	// Transport may wrap the HTTP transport, for tracing; nil for no wrapping. Route returns the route of a request.
	Transport func(inner http.RoundTripper) http.RoundTripper
	// OnAuth is called with true when GitHub refuses the token, and with false when a call succeeds again.
	OnAuth func(failing bool)
	// OnInaccessible is called with the number of repositories that the token may not see, when it may have changed.
	OnInaccessible func(repositories int)
	// Inaccessible are the repositories, as owner/name in lower case, that an earlier process found inaccessible.
	Inaccessible []string
	// Archive has what was read in bulk, so that GitHub is not asked for it; nil for none.
	Archive dora.Archive
	// OnPause is called with the reason when all calls are paused (failing, rate_limit or refused), and with "" when they resume.
	OnPause func(reason string)
}

// complete fills in what is optional.
func (o *Options) complete() {
	o.Key = cmp.Or(o.Key, "github.token")
	o.Timeout = cmp.Or(o.Timeout, defaultTimeout)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.OnRequest == nil {
		o.OnRequest = func(string, string) {}
	}
	if o.OnRateLimit == nil {
		o.OnRateLimit = func(int, int) {}
	}
	if o.OnAuth == nil {
		o.OnAuth = func(bool) {}
	}
	if o.OnInaccessible == nil {
		o.OnInaccessible = func(int) {}
	}
	if o.OnPause == nil {
		o.OnPause = func(string) {}
	}
	if o.Transport == nil {
		o.Transport = func(inner http.RoundTripper) http.RoundTripper { return inner }
	}
}

// GitHub is a dora.Enricher with one credential. It is safe for concurrent use.
type GitHub struct {
	base       *url.URL
	credential credential
	timeout    time.Duration
	logger     *slog.Logger
	http       *http.Client
	gate       *gate
	// slots has a value for each call of a look-up that is under way or waits at the gate.
	slots chan struct{}
	sharedMemory
	flights flights
	touched touchedCache
	// access and control let several callers share a call that tells whether a repository is accessible, or the API works.
	access, control singleflight.Group
	// isSHA reports whether a string can be the SHA of a commit on GitHub.
	isSHA func(string) bool
	// pauseName is the name of the credential in Pauses.
	pauseName string
	// unavailable is the error of all calls; nil if they can be made.
	unavailable error
}

// sharedMemory is shared by the clients of all accounts: the limit on the memory of answers, and answers that never change.
type sharedMemory struct {
	answers     *bounds.Answers
	comparisons *knownComparisons
	// archives has what was read in bulk.
	archives *archives
	// pauseChanged receives a value when a gate closes or opens.
	pauseChanged chan struct{}
}

func newSharedMemory(archive dora.Archive) sharedMemory {
	return sharedMemory{answers: bounds.NewAnswers(), comparisons: &knownComparisons{}, archives: &archives{source: archive}, pauseChanged: make(chan struct{}, 1)}
}

var _ dora.Enricher = (*GitHub)(nil)

// New returns a client for the GitHub API. It makes no call; its errors are about Options.
func New(o Options) (*GitHub, error) {
	base, err := parseBaseURL(o.BaseURL)
	if err != nil {
		return nil, err
	}
	token := strings.TrimSpace(o.Token)
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("the GitHub token has a character that no token has (a space, a line break?)")
	}
	o.complete()
	g := newGitHub(o, base, o.Transport(newHTTPTransport(o.CA)), fixedToken(token), newSharedMemory(o.Archive))
	g.pauseName = tokenName(base.Host, token)
	return g, nil
}

// newGitHub returns a client that makes its exchanges with inner.
func newGitHub(o Options, base *url.URL, inner http.RoundTripper, c credential, shared sharedMemory) *GitHub {
	gate := newGate(o.Logger, o.OnAuth, o.OnPause, o.OnInaccessible)
	gate.key, gate.pauseChanged = o.Key, shared.pauseChanged
	gate.expectInaccessible(o.Inaccessible)
	return &GitHub{
		base:         base,
		credential:   c,
		timeout:      o.Timeout,
		logger:       o.Logger,
		isSHA:        isSHA,
		gate:         gate,
		slots:        make(chan struct{}, concurrentCalls),
		sharedMemory: shared,
		http: &http.Client{
			CheckRedirect: sameServerRedirects,
			Transport: &transport{
				base: base, credential: c, logger: o.Logger, inner: inner, onRequest: o.OnRequest, onRateLimit: o.OnRateLimit,
			},
		},
	}
}

// newUnavailable returns a client whose calls all fail with an error.
func newUnavailable(err error) *GitHub {
	return &GitHub{base: &url.URL{}, isSHA: isSHA, logger: slog.New(slog.DiscardHandler), sharedMemory: newSharedMemory(nil), unavailable: err}
}

func parseBaseURL(s string) (*url.URL, error) {
	if s == "" {
		s = defaultBaseURL
	}
	if !strings.HasSuffix(s, "/") {
		s += "/"
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, errors.New("the GitHub base URL can't be parsed: write one such as https://ghe.example.com/api/v3/")
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return nil, fmt.Errorf("GitHub base URL %q: it must begin with https:// (or http://) and a host", u.Redacted())
	case u.User != nil:
		return nil, fmt.Errorf("GitHub base URL %q: leave out user and password and set a token", u.Redacted())
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fmt.Errorf("GitHub base URL %q: leave out what begins with ? or #", u.Redacted())
	}
	return u, nil
}
