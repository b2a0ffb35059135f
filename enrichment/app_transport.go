package enrichment

import (
	"crypto/rsa"
	"net/http"
	"net/url"
	"strings"

	"github.com/bradleyfalzon/ghinstallation/v2"
)

// routeToken makes a token of an installation.
// https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app
const routeToken = "/app/installations/{installation_id}/access_tokens"

// appTransport makes the exchanges of a GitHub App and its installations over the same connections.
type appTransport struct {
	base   *url.URL
	server string
	id     int64
	key    *rsa.PrivateKey
	// plain makes exchanges as they are, for clients that authorize, count and log them.
	plain http.RoundTripper
	// tokens makes the exchanges for tokens of installations.
	tokens http.RoundTripper
}

func newAppTransport(account Account, base *url.URL, o Options) *appTransport {
	plain := o.Transport(newHTTPTransport(account.CA))
	return &appTransport{
		base: base, server: account.Server(), id: account.App.ID, key: account.App.PrivateKey, plain: plain,
		tokens: boundedTokens{&transport{
			base: base, credential: appToken{}, logger: o.Logger, inner: plain, onRequest: o.OnRequest, onRateLimit: func(int, int) {},
		}},
	}
}

// signed makes exchanges as the App itself.
func (a *appTransport) signed() http.RoundTripper {
	return ghinstallation.NewAppsTransportFromPrivateKey(a.plain, a.id, a.key)
}

// source returns a function that makes a new source of tokens of an installation.
func (a *appTransport) source(installation int64) func() *ghinstallation.Transport {
	return func() *ghinstallation.Transport {
		app := ghinstallation.NewAppsTransportFromPrivateKey(a.tokens, a.id, a.key) // not shared: the source writes to it
		app.BaseURL = strings.TrimSuffix(a.base.String(), "/")
		return ghinstallation.NewFromAppsTransport(app, installation)
	}
}

// boundedTokens bounds the exchanges for tokens, whose answers ghinstallation reads whole.
type boundedTokens struct{ inner http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b boundedTokens) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.inner.RoundTrip(req.WithContext(withRoute(req.Context(), routeToken)))
	if err != nil {
		return nil, err
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, maxErrorBody)
	return resp, nil
}
