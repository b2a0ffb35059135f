package enrichment

import (
	"context"
	"net/http"
	"time"

	"github.com/google/go-github/v62/github"
)

// routeRateLimit is the control call, which does not count against the rate limit.
// https://docs.github.com/en/rest/rate-limit/rate-limit
const routeRateLimit = "/rate_limit"

// freshAnswer is for how long an answer says that GitHub answers.
const freshAnswer = 5 * time.Second

// answersOthers reports whether GitHub answers others than a call that began at a time and has failed. If nothing else was answered
// since, it makes the control call; any answer counts, since GitHub Enterprise Server says 404 while rate limits are off.
func (g *GitHub) answersOthers(ctx context.Context, began time.Time) bool {
	if g.gate.answeredSince(began) {
		return true
	}
	answers, _, _ := g.control.Do("", func() (any, error) { return g.callControl(ctx), nil })
	return answers.(bool)
}

func (g *GitHub) callControl(ctx context.Context) bool {
	client := g.client()
	req, err := client.NewRequest(http.MethodGet, fill(routeRateLimit, nil), nil)
	if err != nil {
		return false
	}
	lease := g.answers.Lease()
	defer lease.Release()
	var limits describedLimits
	_, o := g.exchange(withRoute(ctx, routeRateLimit), client, req, &limits, lease)
	if o.kind != answered && o.kind != denied || o.wait > 0 {
		return false
	}
	g.gate.recordControl()
	return true
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
