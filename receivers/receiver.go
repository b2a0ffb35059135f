// Package receivers takes webhooks in: it limits, checks the signature, decodes, and hands a delivery to the inbox, which
// makes it durable before the sender gets its 202.
package receivers

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
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

// Receivers are the webhook endpoints.
type Receivers struct {
	o        Options
	bodies   bodies
	decoding *semaphore.Weighted
}

// New returns the receivers.
func New(o Options) *Receivers {
	return &Receivers{o, newBodies(), semaphore.NewWeighted(decodingMemory)}
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
	c *gin.Context
	s source
	// signed is set when the signature is right, or none is wanted.
	signed bool
	Request
}

// receive is the way of a webhook: limit, signature over the raw body, decode, key, inbox.
func (r *Receivers) receive(s source) gin.HandlerFunc {
	return func(c *gin.Context) {
		v := &visit{c: c, s: s, Request: Request{Route: c.FullPath(), Arrived: r.o.Now()}}
		body, done, err := r.bodies.read(c.Writer, c.Request, s.forms)
		defer done()
		if err != nil {
			r.refuse(v, err)
			return
		}
		if !signed(s.secrets, c.GetHeader(s.signature), body) {
			r.refuse(v, &refusal{http.StatusUnauthorized, unauthorized, errors.New("signature missing or wrong: " + s.signature)})
			return
		}
		v.signed = true
		payload, err := payloadOf(c.Request, body)
		if err != nil {
			r.refuse(v, err)
			return
		}
		d, err := s.decode(c.Request.Header, payload)
		if err != nil {
			r.refuse(v, err)
			return
		}
		r.take(v, d)
	}
}

// take stores what was decoded and answers.
func (r *Receivers) take(v *visit, d decoded) {
	v.Event, v.Key = d.name, d.key
	if d.key == "" {
		ctx := r.end(v, ignored, http.StatusAccepted)
		if d.note != nil {
			r.o.Logger.InfoContext(ctx, "", append([]any{"endpoint", v.s.name}, d.note...)...)
		}
		r.o.Observe(v.s.name, d.name, ignored)
		v.c.Status(http.StatusAccepted)
		return
	}
	v.Storing = r.o.Now()
	again, err := r.o.Inbox.Accept(v.c.Request.Context(), dora.Delivery{
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
	ctx := r.end(v, result, http.StatusAccepted)
	r.o.Observe(v.s.name, d.name, result)
	if again && r.o.OnDuplicate != nil {
		r.o.OnDuplicate(d.key)
	}
	r.o.Logger.DebugContext(ctx, "", append([]any{
		"endpoint", v.s.name, "event", d.name, "delivery", v.c.GetHeader(v.s.delivery), "key", d.key, "result", result,
	}, d.note...)...)
	v.c.Status(http.StatusAccepted)
}

// refusal is why a request is not taken.
type refusal struct {
	status int
	result string
	err    error
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// longestReason bounds, in bytes, what is told of an error: it may quote the payload.
const longestReason = 300

// refuse answers with an error and logs it. The sender is told what is wrong with its request, but not with our disk.
func (r *Receivers) refuse(v *visit, err error) {
	var why *refusal
	if !errors.As(err, &why) {
		why = &refusal{http.StatusBadRequest, malformed, err}
	}
	reason := strings.ToValidUTF8(why.Error(), "\uFFFD")
	if len(reason) > longestReason {
		reason = strings.ToValidUTF8(reason[:longestReason], "") + "…"
	}
	level, text := slog.LevelWarn, reason
	if why.status == http.StatusServiceUnavailable {
		v.c.Header("Retry-After", "10")
		level, text = slog.LevelError, "the delivery can't be stored now, send it again later"
	}
	ctx := r.end(v, why.result, why.status)
	r.o.Observe(v.s.name, "unknown", why.result)
	if r.o.OnRefused != nil {
		r.o.OnRefused(v.s.name, why.result, reason)
	}
	r.o.Logger.Log(ctx, level, "webhook refused", "endpoint", v.s.name, "delivery", v.c.GetHeader(v.s.delivery),
		"result", why.result, "status", why.status, "error", reason)
	v.c.String(why.status, "%s\n", text)
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
