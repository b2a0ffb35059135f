package receivers

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

const (
	// longestReason bounds, in bytes, what is said of an error: it may quote the payload.
	longestReason = 300
	// longestGUID bounds, in bytes, what is logged of the header with the delivery's GUID.
	longestGUID = 64
	// refusalInterval is the time between two log lines about refusals of the same kind: anybody can cause them.
	refusalInterval = time.Second
)

// refusal is why a request is not taken.
type refusal struct {
	status int
	result string
	err    error
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// refused is a kind of refusals, which are summed up in the log.
type refused struct {
	endpoint, result string
	status           int
}

// refusedRequest is one of them.
type refusedRequest struct {
	ctx              context.Context //nolint:containedctx // it names the trace in the log line
	delivery, reason string
}

// refuse answers with an error and logs it. The sender is told what is wrong with its request, but not with our disk.
func (r *Receivers) refuse(v *visit, err error) {
	var why *refusal
	if !errors.As(err, &why) {
		why = &refusal{http.StatusBadRequest, malformed, err}
	}
	reason := shortened(why.Error(), longestReason)
	text := reason
	if why.status == http.StatusServiceUnavailable {
		v.c.Header("Retry-After", "10")
		text = "the delivery can't be stored now, send it again later"
	}
	ctx := r.end(v, why.result, why.status)
	r.o.Observe(v.s.name, "unknown", why.result)
	if r.o.OnRefused != nil {
		r.o.OnRefused(v.s.name, why.result, reason)
	}
	r.refusals.Add(refused{v.s.name, why.result, why.status}, refusedRequest{context.WithoutCancel(ctx), v.guid(), reason})
	answer(v.c, v.body, why.status, text)
}

// logRefused logs refusals of a kind: their number and the newest.
func (r *Receivers) logRefused(kind refused, n int, newest refusedRequest) {
	level := slog.LevelWarn
	if kind.status == http.StatusServiceUnavailable {
		level = slog.LevelError
	}
	r.o.Logger.Log(newest.ctx, level, "webhook refused", "endpoint", kind.endpoint, "delivery", newest.delivery,
		"result", kind.result, "status", kind.status, "error", newest.reason, "requests", n)
}

// Flush logs the refusals that are not logged yet.
func (r *Receivers) Flush() { r.refusals.Flush() }

// guid is the delivery's GUID, or what was sent for it.
func (v *visit) guid() string { return shortened(v.c.GetHeader(v.s.delivery), longestGUID) }

// shortened returns valid UTF-8 of at most limit bytes and an ellipsis.
func shortened(s string, limit int) string {
	if len(s) <= limit {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return strings.ToValidUTF8(strings.ToValidUTF8(s[:limit], ""), "\uFFFD") + "…"
}
