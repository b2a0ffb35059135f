// Package receivers handles webhooks: it checks limits and the signature, decodes the payload, and stores the delivery in the inbox,
// which makes it durable before the sender gets its 202.
package receivers

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/semaphore"

	"dora-exporter/dora"
)

// Inbox stores deliveries. When Accept returns nil, the delivery, or the one that it duplicates, is on the disk.
type Inbox interface {
	Accept(ctx context.Context, d dora.Delivery) (duplicate bool, err error)
}

// Options configure the receivers.
type Options struct {
	Inbox  Inbox
	GitHub GitHubOptions
	Jira   JiraOptions
	Logger *slog.Logger
	// Now is the clock of the machine, for the time of arrival.
	Now func() time.Time
	// Observe is called for each request. source and event have few values; result is one of the constants below.
	Observe func(source, event, result string)
	// OnRefused is called for each refused request with the reason, which has at most some hundred bytes and may quote the request. It
	// may be nil.
	OnRefused func(source, result, why string)
	// OnDuplicate is called with the key of each duplicate delivery. It may be nil.
	OnDuplicate func(key string)
	// Trace is called for each request with a valid signature when its result is known. It returns the context for the log lines about
	// the request. It may be nil.
	Trace func(ctx context.Context, r dora.WebhookRequest) context.Context
}

// GitHubOptions configure which events are accepted of GitHub.
type GitHubOptions struct {
	// Secrets are the secrets of the webhooks of each account, several during a rotation. Unsigned events of the owners of an account
	// without a secret are accepted.
	Secrets [][]string
	// AccountOf returns the index of the account of a repository by host and owner; false if there is none.
	AccountOf func(host, owner string) (int, bool)
}

// JiraOptions configure what is accepted and read of Jira.
type JiraOptions struct {
	// Secrets are the secrets of the webhooks, several during a rotation. Without a secret and a token, unsigned requests are accepted.
	Secrets []string
	// Tokens are accepted instead of a signature; with TokenInURL, also as ?token=.
	Tokens     []string
	TokenInURL bool
	// TeamField is the id of the field with the teams of an issue, EvidenceFields are ids of fields that may name deployments.
	TeamField      string
	EvidenceFields []string
}

// Results of a request, the values of the label result.
const (
	accepted     = "accepted"
	duplicate    = "duplicate"
	ignored      = "ignored"
	malformed    = "malformed"
	unauthorized = "unauthorized"
	tooLarge     = "too_large"
	unsupported  = "unsupported_media_type"
	unavailable  = "unavailable"
)

// maxWait limits how long a request waits in total for memory for its body, for decoding and for the store. A sender gets its answer
// within five seconds after it has sent everything, with a second left for the network and a busy machine.
const maxWait = 4 * time.Second

// Receivers are the webhook endpoints.
type Receivers struct {
	o        Options
	bodies   bodies
	refusals *dora.Summary[refusalKind, refusedRequest]
	decoding *semaphore.Weighted
}

// New returns the receivers.
func New(o Options) *Receivers {
	r := &Receivers{o: o, bodies: newBodies(), decoding: semaphore.NewWeighted(decodingMemory)}
	r.refusals = dora.NewSummary(refusalInterval, r.logRefused)
	return r
}

// Register mounts POST /api/github and POST /api/jira.
func (r *Receivers) Register(router gin.IRouter) {
	senders, secrets := newSenders(r.o.GitHub)
	router.POST("/api/github", r.receive(source{
		name: dora.GitHub, forms: true, signature: "X-Hub-Signature-256", secrets: secrets, senders: senders,
		delivery: "X-GitHub-Delivery", decode: limitedDecoder(r.decoding, isGitHubEvent, decodeGitHub),
	}))
	issues := newJiraDecoder(r.o.Jira.TeamField, r.o.Jira.EvidenceFields, func(field, value, issue string) {
		r.o.Logger.Warn("a field of an issue can't be read and counts as missing; further issues are not reported", "endpoint", dora.Jira,
			"field", field, "value", value, "key", dora.LabelValue(issue))
	})
	router.POST("/api/jira", r.receive(source{
		name: dora.Jira, signature: "X-Hub-Signature", secrets: nonEmpty(r.o.Jira.Secrets), tokens: newTokens(r.o.Jira.Tokens, r.o.Jira.TokenInURL),
		delivery: "X-Atlassian-Webhook-Identifier", decode: limitedDecoder(r.decoding, func(http.Header) bool { return true }, issues.decode),
	}))
}

// source has the properties of one sender of webhooks.
type source struct {
	name string
	// forms is true if the payload may be in the field of a form.
	forms bool
	// signature and delivery are names of headers.
	signature, delivery string
	secrets             [][]byte
	// senders has which secret may sign what; nil if each may sign everything.
	senders *senders
	tokens  tokens
	decode  decoder
}

// decoded is a decoded payload.
type decoded struct {
	// name is the name of the event for the metric.
	name string
	// key is the key of the delivery, empty if the event is ignored.
	key   string
	event dora.Event
	// note has attributes for the log line.
	note []any
}

// other is the name of events that are not read.
const other = "other"

// exchange is a request that is being handled.
type exchange struct {
	c      *gin.Context
	source source
	body   *trackedBody
	// signed is true if the signature is valid, or none is required for the event.
	signed bool
	dora.WebhookRequest
}

// receive handles a webhook: limits, token or signature over the raw body, decoding, key, inbox.
func (r *Receivers) receive(s source) gin.HandlerFunc {
	return func(c *gin.Context) {
		check := s.newCheck(c.Request)
		stripQuery(c.Request)
		pruneHeader(c.Request.Header, s)
		v := &exchange{c: c, source: s, body: &trackedBody{ReadCloser: c.Request.Body}, WebhookRequest: dora.WebhookRequest{Route: c.FullPath(), Arrived: r.o.Now()}}
		c.Request.Body = v.body
		body, waited, done, err := r.bodies.read(c.Writer, c.Request, s, check)
		defer done()
		if err != nil {
			r.refuse(v, err)
			return
		}
		v.signed = check.signed()
		payload, err := payloadOf(c.Request, body)
		if err != nil {
			r.refuse(v, err)
			return
		}
		// Not the request's context, which ends when the sender closes its sending side, although it may wait for the answer. Requests
		// of senders that are gone don't pile up: both the wait and the number of waiting requests are limited.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request.Context()), maxWait-waited)
		defer cancel()
		d, err := s.decode(ctx, c.Request.Header, payload)
		if err != nil {
			r.refuse(v, err)
			return
		}
		if err := s.senders.check(d.event, check.matches); err != nil {
			r.refuse(v, err)
			return
		}
		v.signed = true
		r.store(ctx, v, d)
	}
}

// store stores the delivery and answers.
func (r *Receivers) store(ctx context.Context, v *exchange, d decoded) {
	v.Event, v.Key = d.name, d.key
	if d.key == "" {
		ctx = r.finish(v, ignored, http.StatusAccepted)
		if d.note != nil {
			r.o.Logger.InfoContext(ctx, "", append([]any{"endpoint", v.source.name}, d.note...)...)
		}
		r.o.Observe(v.source.name, d.name, ignored)
		v.c.Status(http.StatusAccepted)
		return
	}
	v.StoreStart = r.o.Now()
	isDuplicate, err := r.o.Inbox.Accept(ctx, dora.Delivery{
		Source: v.source.name, Key: d.key, Received: v.StoreStart, Event: d.event,
	})
	v.StoreEnd = r.o.Now()
	if err != nil {
		r.refuse(v, &refusal{http.StatusServiceUnavailable, unavailable, err})
		return
	}
	result := accepted
	if isDuplicate {
		result = duplicate
	}
	ctx = r.finish(v, result, http.StatusAccepted)
	r.o.Observe(v.source.name, d.name, result)
	if isDuplicate && r.o.OnDuplicate != nil {
		r.o.OnDuplicate(d.key)
	}
	r.o.Logger.DebugContext(ctx, "", append([]any{
		"endpoint", v.source.name, "event", d.name, "delivery", v.guid(), "key", d.key, "result", result,
	}, d.note...)...)
	v.c.Status(http.StatusAccepted)
}

// finish reports the result of a request and returns the context for the log lines about it.
func (r *Receivers) finish(v *exchange, result string, status int) context.Context {
	ctx := v.c.Request.Context()
	if r.o.Trace == nil || !v.signed { // unsigned requests could create unlimited traces
		return ctx
	}
	v.Result, v.Status, v.Stored = result, status, result == accepted
	return r.o.Trace(ctx, v.WebhookRequest)
}
