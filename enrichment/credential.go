package enrichment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"

	"dora-exporter/dora"
	"dora-exporter/internal/lazyregexp"
)

// credential authorizes calls.
type credential interface {
	// token returns the token of a call; empty for none. Its error is a *tokenError if GitHub answered that it gives none.
	token(ctx context.Context) (string, error)
	// renew makes token return another one than the given one, which GitHub refuses. It reports whether that is possible.
	renew(refused string) bool
	// redact removes the tokens that were used last from a text.
	redact(text string) string
}

// fixedToken is a token of the configuration; empty for none.
type fixedToken string

func (t fixedToken) token(context.Context) (string, error) { return string(t), nil }
func (t fixedToken) renew(string) bool                     { return false }
func (t fixedToken) redact(text string) string             { return redactToken(text, string(t)) }

func redactToken(text, token string) string {
	if token == "" {
		return text
	}
	return strings.ReplaceAll(text, token, "[token]")
}

// installationToken is the token of an installation of a GitHub App. It is valid for an hour, and replaced a minute before.
type installationToken struct {
	source func() *ghinstallation.Transport
	// onRefused is called when GitHub answers that it gives no token for the installation.
	onRefused func()

	mu      sync.Mutex
	current *ghinstallation.Transport
	// last is the token that was used last.
	last string
}

func newInstallationToken(source func() *ghinstallation.Transport) *installationToken {
	return &installationToken{source: source, current: source()}
}

func (t *installationToken) token(ctx context.Context) (string, error) {
	t.mu.Lock()
	current := t.current
	t.mu.Unlock()
	token, err := current.Token(ctx)
	if err != nil {
		err = asTokenError(err)
		if refused := new(tokenError); errors.As(err, &refused) && refused.isOfInstallation() {
			t.onRefused()
		}
		return "", err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = token
	return token, nil
}

func (t *installationToken) renew(refused string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == refused {
		t.current = t.source()
	}
	return true
}

func (t *installationToken) redact(text string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return redactToken(redactJWT(text), t.last)
}

// appToken stands for the tokens that the transport of a GitHub App signs, each for one call.
type appToken struct{}

func (appToken) token(context.Context) (string, error) { return "", nil }
func (appToken) renew(string) bool                     { return false }
func (appToken) redact(text string) string             { return redactJWT(text) }

// signedToken matches a JSON Web Token.
var signedToken = lazyregexp.New(`eyJ[\w-]+\.[\w-]+\.[\w-]+`)

func redactJWT(text string) string { return signedToken.ReplaceAllString(text, "[token]") }

// tokenError is GitHub's answer that it gives no token for an installation.
type tokenError struct {
	url    *url.URL
	status int
	header http.Header
	body   []byte
}

func (e *tokenError) Error() string {
	return fmt.Sprintf("POST %s: %d %s: %s", callName(e.url), e.status, http.StatusText(e.status), message(e.body, redactJWT))
}

// asTokenError returns the answer in an error of ghinstallation; err if GitHub did not answer.
func asTokenError(err error) error {
	var failed *ghinstallation.HTTPError
	if !errors.As(err, &failed) || failed.Response == nil || failed.RootCause != nil {
		return err
	}
	r := failed.Response
	defer func() { _ = r.Body.Close() }()
	body, readErr := io.ReadAll(r.Body) // the transport bounds it
	if readErr != nil {
		return readErr
	}
	return &tokenError{r.Request.URL, r.StatusCode, r.Header, body}
}

// isOfInstallation reports whether the installation may be gone or suspended, which the list of them tells.
func (e *tokenError) isOfInstallation() bool {
	kind, _ := classifyError(e.status, e.header, e.body, time.Now())
	return kind == answered || kind == denied
}

// outcome returns the outcome of a call that was not made for lack of a token.
func (e *tokenError) outcome() outcome {
	kind, wait := classifyError(e.status, e.header, e.body, time.Now())
	if e.isOfInstallation() {
		return outcome{kind: abandoned, err: &dora.PausedError{Err: e, RetryIn: time.Second}}
	}
	return outcome{kind: kind, wait: wait, err: e}
}
