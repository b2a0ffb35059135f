package enrichment

import (
	"context"
	"time"

	"github.com/google/go-github/v62/github"
)

// routeRateLimit is the control call, which does not count against the rate limit.
// https://docs.github.com/en/rest/rate-limit/rate-limit
const routeRateLimit = "/rate_limit"

// freshAnswer is for how long an answer says that GitHub answers.
const freshAnswer = 5 * time.Second

// answersOthers reports whether GitHub answers others than a call that began at a time and has failed, or was denied. If nothing else was
// answered since, it makes the control call; any answer counts, since GitHub Enterprise Server says 404 while rate limits are off. 403
// says that GitHub works, but not that it lets the token in.
func (g *GitHub) answersOthers(ctx context.Context, began time.Time, k kind) bool {
	if g.gate.answeredSince(began) {
		return true
	}
	control, _, _ := g.control.Do("", func() (any, error) { return g.callControl(ctx), nil })
	return control == answered || control == denied && k == failed
}

// callControl makes the control call. It returns limited if its answer was the last one before the rate limit.
func (g *GitHub) callControl(ctx context.Context) kind {
	lease := g.answers.Lease()
	defer lease.Release()
	_, o := g.send(ctx, routeRateLimit, routeRateLimit, &describedLimits{}, lease)
	if o.wait > 0 {
		return limited
	}
	if o.kind == answered {
		g.gate.recordControl()
	}
	return o.kind
}

// client returns a new client for each call: a shared one would refuse calls by the rate limits that it has seen and by this machine's
// clock, which the gate handles.
func (g *GitHub) client() *github.Client {
	client := github.NewClient(g.http)
	client.BaseURL, client.UserAgent = g.base, userAgent
	return client
}

// describedLimits is the answer to the control call.
type describedLimits struct{}

func (*describedLimits) check() error { return nil }
func (*describedLimits) size() int    { return 0 }

// answeredSince reports whether GitHub has answered a call since a time, a short time ago.
func (g *gate) answeredSince(began time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lastAnswer.After(began) && time.Since(g.lastAnswer) < freshAnswer
}

// recordControl records that GitHub answered the control call.
func (g *gate) recordControl() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lastAnswer = time.Now()
}
