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
	o      Options
	bodies bodies
}

// New returns the receivers.
func New(o Options) *Receivers { return &Receivers{o, newBodies()} }

// Register mounts POST /api/github and POST /api/jira.
func (r *Receivers) Register(router gin.IRouter) {
	router.POST("/api/github", r.receive(source{
		name: dora.GitHub, forms: true, signature: "X-Hub-Signature-256", secrets: usable(r.o.GitHubSecrets),
		delivery: "X-GitHub-Delivery", decode: decodeGitHub,
	}))
	router.POST("/api/jira", r.receive(source{
		name: dora.Jira, signature: "X-Hub-Signature", secrets: usable(r.o.JiraSecrets),
		delivery: "X-Atlassian-Webhook-Identifier", decode: decodeJira,
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
	decode func(header http.Header, payload []byte) (decoded, error)
}

// decoded is what a payload says.
type decoded struct {
	name  string
	key   string
	event dora.Event
	note  []any
}

// receive is the way of a webhook: limit, signature over the raw body, decode, key, inbox.
func (r *Receivers) receive(s source) gin.HandlerFunc {
	return func(c *gin.Context) {
		body, done, err := r.bodies.read(c.Writer, c.Request, s.forms)
		defer done()
		if err != nil {
			r.refuse(c, s, err)
			return
		}
		if !signed(s.secrets, c.GetHeader(s.signature), body) {
			r.refuse(c, s, &refusal{http.StatusUnauthorized, unauthorized, errors.New("signature missing or wrong: " + s.signature)})
			return
		}
		payload, err := payloadOf(c.Request, body)
		if err != nil {
			r.refuse(c, s, err)
			return
		}
		d, err := s.decode(c.Request.Header, payload)
		if err != nil {
			r.refuse(c, s, &refusal{http.StatusBadRequest, malformed, err})
			return
		}
		r.take(c, s, d)
	}
}

// take stores what was decoded and answers.
func (r *Receivers) take(c *gin.Context, s source, d decoded) {
	if d.key == "" {
		if d.note != nil {
			r.o.Logger.Info("", append([]any{"endpoint", s.name}, d.note...)...)
		}
		r.o.Observe(s.name, d.name, ignored)
		c.Status(http.StatusAccepted)
		return
	}
	again, err := r.o.Inbox.Accept(c.Request.Context(), dora.Delivery{
		Source: s.name, Key: d.key, Received: r.o.Now(), Event: d.event,
	})
	if err != nil {
		r.refuse(c, s, &refusal{http.StatusServiceUnavailable, unavailable, err})
		return
	}
	result := accepted
	if again {
		result = duplicate
	}
	r.o.Observe(s.name, d.name, result)
	r.o.Logger.Debug("", append([]any{
		"endpoint", s.name, "event", d.name, "delivery", c.GetHeader(s.delivery), "key", d.key, "result", result,
	}, d.note...)...)
	c.Status(http.StatusAccepted)
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
func (r *Receivers) refuse(c *gin.Context, s source, err error) {
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
		c.Header("Retry-After", "10")
		level, text = slog.LevelError, "the delivery can't be stored now, send it again later"
	}
	r.o.Observe(s.name, "unknown", why.result)
	if r.o.OnRefused != nil {
		r.o.OnRefused(s.name, why.result, reason)
	}
	r.o.Logger.Log(c.Request.Context(), level, "webhook refused", "endpoint", s.name, "delivery", c.GetHeader(s.delivery),
		"result", why.result, "status", why.status, "error", reason)
	c.String(why.status, "%s\n", text)
}
