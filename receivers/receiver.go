// Package receivers takes webhooks in: it limits, checks the signature, decodes, and hands a delivery to the inbox, which
// makes it durable before the sender gets its 202.
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

// Inbox stores deliveries. When Accept returns without an error the delivery is on the disk, or was there before.
type Inbox interface {
	Accept(ctx context.Context, d dora.Delivery) (duplicate bool, err error)
}

// Options are what the receivers need.
type Options struct {
	Inbox Inbox
	// GitHubSecrets and JiraSecrets are the webhooks' secrets; several while they are changed. Without one, unsigned
	// requests are taken.
	GitHubSecrets, JiraSecrets []string
	Logger                     *slog.Logger
	// Now is the clock of the machine, for the time of arrival.
	Now func() time.Time
	// Observe is called for each request: source and event have few values, result is one of the constants below.
	Observe func(source, event, result string)
	// OnRefused is called for each request that is not taken, with why: at most some hundred bytes, which may quote the request.
	// Nil for nobody.
	OnRefused func(source, result, why string)
	// OnDuplicate is called with the key of each delivery that has been there before. Nil for nobody.
	OnDuplicate func(key string)
	// Trace is called for each request with a right signature when it is known what becomes of it. The context that it returns
	// is that of the log lines about the request. Nil for nobody.
	Trace func(ctx context.Context, r Request) context.Context
}

// Request is what became of a request, for who follows it.
type Request struct {
	// Route is its path.
	Route string
	// Event is empty when that is not known, Key when it is no delivery.
	Event, Key string
	// Result is one of the constants below, Status that of the answer.
	Result string
	Status int
	// Arrived is when it came. Storing and Stored are before and after it was stored; zero when that was not tried.
	Arrived, Storing, Stored time.Time
	// Stands is set when it is this request that brought the delivery, and not one before it.
	Stands bool
}

// What becomes of a request.
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

// waitLimit bounds for how long a request waits for this program in all: for memory for its body, for its turn to be decoded and
// for the store. A sender has its answer within five seconds after it has sent everything, with a second left for the network and a
// busy machine.
const waitLimit = 4 * time.Second

// Receivers are the webhook endpoints.
type Receivers struct {
	o        Options
	bodies   bodies
	refusals *dora.Summary[refused, refusedRequest]
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
	router.POST("/api/github", r.receive(source{
		name: dora.GitHub, forms: true, signature: "X-Hub-Signature-256", secrets: usable(r.o.GitHubSecrets),
		delivery: "X-GitHub-Delivery", decode: bounded(r.decoding, isGitHubEvent, decodeGitHub),
	}))
	router.POST("/api/jira", r.receive(source{
		name: dora.Jira, signature: "X-Hub-Signature", secrets: usable(r.o.JiraSecrets),
		delivery: "X-Atlassian-Webhook-Identifier", decode: bounded(r.decoding, func(http.Header) bool { return true }, decodeJira),
	}))
}

// source is what is special about one sender of webhooks.
type source struct {
	name string
	// forms is set when the payload may come in the field of a form.
	forms bool
	// signature and delivery are names of headers.
	signature, delivery string
	secrets             [][]byte
	// decode turns a payload into an event with its key; the key is empty when nobody wants the event. name is the
	// event's for the metric. note is what to tell the log.
	decode decoder
}

// decoded is what a payload says.
type decoded struct {
	name  string
	key   string
	event dora.Event
	note  []any
}

// visit is a request on its way.
type visit struct {
	c    *gin.Context
	s    source
	body *watchedBody
	// signed is set when the signature is right, or none is wanted.
	signed bool
	Request
}

// receive is the way of a webhook: limit, signature over the raw body, decode, key, inbox.
func (r *Receivers) receive(s source) gin.HandlerFunc {
	return func(c *gin.Context) {
		keepHeader(c.Request.Header, s)
		v := &visit{c: c, s: s, body: &watchedBody{ReadCloser: c.Request.Body}, Request: Request{Route: c.FullPath(), Arrived: r.o.Now()}}
		c.Request.Body = v.body
		body, waited, done, err := r.bodies.read(c.Writer, c.Request, s)
		defer done()
		if err != nil {
			r.refuse(v, err)
			return
		}
		v.signed = true
		payload, err := payloadOf(c.Request, body)
		if err != nil {
			r.refuse(v, err)
			return
		}
		// Not the request's own context, which ends when the sender closes its sending side, although it may wait for the answer.
		// Those that are gone don't pile up: the wait is bounded, and so is how many wait.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request.Context()), waitLimit-waited)
		defer cancel()
		d, err := s.decode(ctx, c.Request.Header, payload)
		if err != nil {
			r.refuse(v, err)
			return
		}
		r.take(ctx, v, d)
	}
}

// take stores what was decoded and answers.
func (r *Receivers) take(ctx context.Context, v *visit, d decoded) {
	v.Event, v.Key = d.name, d.key
	if d.key == "" {
		ctx = r.end(v, ignored, http.StatusAccepted)
		if d.note != nil {
			r.o.Logger.InfoContext(ctx, "", append([]any{"endpoint", v.s.name}, d.note...)...)
		}
		r.o.Observe(v.s.name, d.name, ignored)
		v.c.Status(http.StatusAccepted)
		return
	}
	v.Storing = r.o.Now()
	again, err := r.o.Inbox.Accept(ctx, dora.Delivery{
		Source: v.s.name, Key: d.key, Received: v.Storing, Event: d.event,
	})
	v.Stored = r.o.Now()
	if err != nil {
		r.refuse(v, &refusal{http.StatusServiceUnavailable, unavailable, err})
		return
	}
	result := accepted
	if again {
		result = duplicate
	}
	ctx = r.end(v, result, http.StatusAccepted)
	r.o.Observe(v.s.name, d.name, result)
	if again && r.o.OnDuplicate != nil {
		r.o.OnDuplicate(d.key)
	}
	r.o.Logger.DebugContext(ctx, "", append([]any{
		"endpoint", v.s.name, "event", d.name, "delivery", v.guid(), "key", d.key, "result", result,
	}, d.note...)...)
	v.c.Status(http.StatusAccepted)
}

// end tells what becomes of a request and returns the context of the log lines about it.
func (r *Receivers) end(v *visit, result string, status int) context.Context {
	ctx := v.c.Request.Context()
	if r.o.Trace == nil || !v.signed { // anybody could make traces without end
		return ctx
	}
	v.Result, v.Status, v.Stands = result, status, result == accepted
	return r.o.Trace(ctx, v.Request)
}
