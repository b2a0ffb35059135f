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
	// maxReason limits the text of an error, in bytes: it may quote the payload.
	maxReason = 300
	// maxGUID limits what is logged of the header with the delivery's GUID, in bytes.
	maxGUID = 64
	// refusalInterval is the time between two log lines about refusals of the same kind, since anybody can cause them.
	refusalInterval = time.Second
)

// refusal is the error of a request that is refused.
type refusal struct {
	status int
	result string
	err    error
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// refusalKind groups refusals for the log.
type refusalKind struct {
	endpoint, result string
	status           int
}

// refusedRequest is a refused request, for the log.
type refusedRequest struct {
	ctx              context.Context //nolint:containedctx // it carries the trace for the log line
	delivery, reason string
}

// refuse answers with an error and logs it. The answer says what is wrong with the request, but not what is wrong with the store.
func (r *Receivers) refuse(v *exchange, err error) {
	var why *refusal
	if !errors.As(err, &why) {
		why = &refusal{http.StatusBadRequest, malformed, err}
	}
	reason := truncate(why.Error(), maxReason)
	text := reason
	if why.status == http.StatusServiceUnavailable {
		v.c.Header("Retry-After", "10")
		text = "the delivery can't be stored now, send it again later"
	}
	ctx := r.finish(v, why.result, why.status)
	r.o.Observe(v.source.name, "unknown", why.result)
	if r.o.OnRefused != nil {
		r.o.OnRefused(v.source.name, why.result, reason)
	}
	r.refusals.Add(refusalKind{v.source.name, why.result, why.status}, refusedRequest{context.WithoutCancel(ctx), v.guid(), reason})
	reply(v.c, v.body, why.status, text)
}

// logRefused logs the number of refusals of a kind and the newest one.
func (r *Receivers) logRefused(kind refusalKind, n int, newest refusedRequest) {
	level := slog.LevelWarn
	if kind.status == http.StatusServiceUnavailable {
		level = slog.LevelError
	}
	r.o.Logger.Log(newest.ctx, level, "webhook refused", "endpoint", kind.endpoint, "delivery", newest.delivery,
		"result", kind.result, "status", kind.status, "error", newest.reason, "requests", n)
}

// Flush logs the refusals that are not logged yet.
func (r *Receivers) Flush() { r.refusals.Flush() }

// guid returns the delivery's GUID as sent, truncated.
func (v *exchange) guid() string { return truncate(v.c.GetHeader(v.source.delivery), maxGUID) }

// truncate returns s as valid UTF-8, truncated to limit bytes and an ellipsis.
func truncate(s string, limit int) string {
	if len(s) <= limit {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return strings.ToValidUTF8(strings.ToValidUTF8(s[:limit], ""), "\uFFFD") + "…"
}
