package enrichment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"dora-exporter/dora"
	"dora-exporter/internal/bounds"
)

// InspectOptions configure the inspection of an account.
type InspectOptions struct {
	Account Account
	// Signed is true if the account has a secret for webhooks.
	Signed bool
	// Repairs is true if the deliveries of webhooks are to be repaired (github.repair).
	Repairs bool
	// Repositories are some of the account's, as owner/name, to try its permissions with. Without one it is asked for some.
	Repositories []string
	// Transport may wrap the HTTP transport; nil for no wrapping.
	Transport func(inner http.RoundTripper) http.RoundTripper
	Now       func() time.Time
}

// Inspect checks an account at its server: the credential, the clock, the rate limit, what it may read, and the webhooks that send
// deployments. It changes nothing.
func Inspect(ctx context.Context, o InspectOptions) []dora.Finding {
	i := &inspection{InspectOptions: o, subject: AccountName(o.Account.Account)}
	if err := i.inspect(ctx); err != nil {
		i.fail(err.Error(), "correct "+o.Account.Key)
	}
	return i.found
}

// inspection is an inspection under way, with what it has found.
type inspection struct {
	InspectOptions
	// subject is the account, or the installation of a GitHub App, that is inspected now.
	subject string
	found   []dora.Finding
	headers headerRecorder
}

func (i *inspection) inspect(ctx context.Context) error {
	options := Options{BaseURL: i.Account.BaseURL, Token: i.Account.Token, CA: i.Account.CA, Transport: i.transport}
	if i.Account.App != nil {
		return i.inspectApp(ctx, options)
	}
	g, err := New(options)
	if err != nil {
		return err
	}
	if i.inspectCredential(ctx, g) {
		i.inspectAccess(ctx, g, i.Account.Owners)
	}
	return nil
}

// transport records the headers of answers.
func (i *inspection) transport(inner http.RoundTripper) http.RoundTripper {
	if i.Transport != nil {
		inner = i.Transport(inner)
	}
	i.headers.inner, i.headers.now = inner, i.Now
	return &i.headers
}

func (i *inspection) add(status, text, remedy string) {
	i.found = append(i.found, dora.Finding{Check: "github", Subject: i.subject, Status: status, Text: text, Remedy: remedy})
}

func (i *inspection) pass(format string, args ...any) {
	i.add(dora.FindingOK, fmt.Sprintf(format, args...), "")
}

func (i *inspection) warn(text, remedy string) { i.add(dora.FindingWarning, text, remedy) }
func (i *inspection) fail(text, remedy string) { i.add(dora.FindingFailed, text, remedy) }

// described is an answer of any form that is valid JSON.
type described[T any] struct{ value T }

func (d *described[T]) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, &d.value) }
func (*described[T]) check() error                      { return nil }
func (*described[T]) size() int                         { return 0 }

// ask makes a call of an inspection, which waits for no gate.
func ask[T any](ctx context.Context, g *GitHub, path string) (value T, o outcome) {
	lease := bounds.NewAnswers().Lease()
	defer lease.Release()
	var answer described[T]
	_, o = g.send(ctx, path, path, &answer, lease)
	if o.kind == abandoned && ctx.Err() != nil {
		o.err = errors.New("no answer in time")
	}
	return answer.value, o
}

// statusOf returns the status of a call; 200 if it succeeded, 0 if there was no answer.
func statusOf(o outcome) int {
	var s *statusError
	var refused *tokenError
	switch {
	case o.err == nil:
		return http.StatusOK
	case errors.As(o.err, &s):
		return s.status
	case errors.As(o.err, &refused):
		return refused.status
	}
	return 0
}

// headerRecorder remembers the headers of the last answer, and how far the clock of this machine is from the server's.
type headerRecorder struct {
	inner http.RoundTripper
	now   func() time.Time

	mu   sync.Mutex
	last http.Header
	// ahead is by how much the clock of this machine is ahead; known is true if a server has told its time.
	ahead time.Duration
	known bool
}

// RoundTrip implements http.RoundTripper.
func (h *headerRecorder) RoundTrip(req *http.Request) (*http.Response, error) {
	before := h.now()
	resp, err := h.inner.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = resp.Header
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		middle := before.Add(h.now().Sub(before) / 2)
		h.ahead, h.known = middle.Sub(date).Truncate(time.Second), true
	}
	return resp, nil
}
