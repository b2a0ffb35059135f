package enrichment

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

const (
	// maxClockError is how far the clock of this machine may be from a server's: GitHub accepts no JSON Web Token beyond.
	maxClockError = time.Minute
	// expirySoon is how long before the end of a token a warning begins.
	expirySoon = 14 * 24 * time.Hour
)

// rateLimits is the answer to routeRateLimit.
type rateLimits struct {
	Resources struct {
		Core, GraphQL rateLimit
	} `json:"resources"`
}

type rateLimit struct {
	Limit     int   `json:"limit"`
	Remaining int   `json:"remaining"`
	Reset     int64 `json:"reset"`
}

// inspectCredential checks that the server takes the credential, its rate limit, and the clock. It reports whether further calls can be
// made.
func (i *inspection) inspectCredential(ctx context.Context, g *GitHub) bool {
	limits, o := ask[rateLimits](ctx, g, routeRateLimit)
	if !i.inspectAnswer(o) {
		i.inspectClock()
		return false
	}
	if i.Account.Token == "" && i.Account.App == nil {
		i.warn("no token: calls are unauthenticated and have a low rate limit", "set "+i.Account.Key+".token")
	} else {
		i.inspectToken()
	}
	i.inspectLimits(limits)
	i.inspectClock()
	return true
}

// inspectAnswer checks that the first call with a credential was answered.
func (i *inspection) inspectAnswer(o outcome) bool {
	var s *statusError
	switch key := i.Account.Key; {
	case o.kind == refused && i.Account.App != nil:
		i.fail(o.err.Error(), fmt.Sprintf("GitHub refuses the key of the App %d: make a new private key in the App's settings, set %s.app.private_key_file to it, and check the App ID and the clock of this machine", i.Account.App.ID, key))
	case o.kind == refused:
		i.fail(o.err.Error(), "GitHub refuses the token: renew "+key+".token")
	case o.kind == denied:
		i.fail(o.err.Error(), "check the permissions of "+key+", single sign-on, and the list of allowed IP addresses")
	case o.kind == limited:
		i.fail(o.err.Error(), "the rate limit is reached: wait, or set a credential that nothing else uses")
	case o.notFound && asStatus(o.err, &s) && s.message == "":
		i.fail(o.err.Error(), "this is not the API of GitHub: correct "+key+".base_url, which ends in /api/v3/ for an Enterprise Server")
	case o.notFound && i.Account.App != nil:
		i.fail(o.err.Error(), fmt.Sprintf("the server has no App %d: correct %s.app.id and %s.base_url", i.Account.App.ID, key, key))
	case o.err != nil && !o.notFound:
		i.fail(o.err.Error(), "check "+key+".base_url, "+key+".ca_file, the network, and HTTPS_PROXY and NO_PROXY")
	default:
		return true // 404 with a message: an Enterprise Server without rate limits
	}
	return false
}

func (i *inspection) inspectToken() {
	text := "GitHub accepts the credential"
	if end, known := i.headers.expiry(); known {
		text += ", which expires on " + end.Format(time.DateOnly)
		if end.Sub(i.Now()) < expirySoon {
			i.warn(text, "renew "+i.Account.Key+".token before")
			return
		}
	}
	i.pass("%s", text)
}

// expiry returns when the token of the last call ends, if GitHub says so.
// https://github.blog/changelog/2021-07-26-expiration-options-for-personal-access-tokens/
func (h *headerRecorder) expiry() (end time.Time, known bool) {
	text := h.get("GitHub-Authentication-Token-Expiration")
	for _, layout := range []string{"2006-01-02 15:04:05 MST", "2006-01-02 15:04:05 -0700"} {
		if end, err := time.Parse(layout, text); err == nil {
			return end.UTC(), true
		}
	}
	return time.Time{}, false
}

func (h *headerRecorder) get(name string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return http.Header.Get(h.last, name)
}

func (i *inspection) inspectLimits(l rateLimits) {
	core, points := l.Resources.Core, l.Resources.GraphQL
	if core.Limit == 0 {
		i.pass("no rate limit")
		return
	}
	text := fmt.Sprintf("%d of %d calls left until %s", core.Remaining, core.Limit, time.Unix(core.Reset, 0).UTC().Format(time.TimeOnly+" MST"))
	if points.Limit > 0 {
		text += fmt.Sprintf(", %d of %d points of GraphQL", points.Remaining, points.Limit)
	}
	if core.Remaining*10 < core.Limit {
		i.warn(text, "look whether something else uses the credential")
		return
	}
	i.pass("%s", text)
}

func (i *inspection) inspectClock() {
	i.headers.mu.Lock()
	defer i.headers.mu.Unlock()
	switch ahead := i.headers.ahead; {
	case !i.headers.known:
	case ahead > maxClockError:
		i.fail(fmt.Sprintf("the clock of this machine is %s ahead of the server's", ahead), "synchronise the clock, for example with NTP")
	case ahead < -maxClockError:
		i.fail(fmt.Sprintf("the clock of this machine is %s behind the server's", -ahead), "synchronise the clock, for example with NTP")
	default:
		i.pass("the clock of this machine agrees with the server's")
	}
}
