package receivers

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// tokens are the tokens with which a sender that can't sign may send. Only their hashes are compared, in constant time whatever their
// length.
type tokens struct {
	hashes [][sha256.Size]byte
	// inURL is true if the token may be the parameter token of the URL.
	inURL bool
}

// tokenParameter is the name of the parameter of the URL.
const tokenParameter = "token"

func newTokens(all []string, inURL bool) tokens {
	t := tokens{inURL: inURL}
	for _, token := range all {
		if token != "" {
			t.hashes = append(t.hashes, sha256.Sum256([]byte(token)))
		}
	}
	return t
}

// match reports whether a request has one of the tokens: as Authorization: Bearer, as X-Webhook-Token, or in its URL.
func (t tokens) match(r *http.Request) bool {
	sent := []string{r.Header.Get("X-Webhook-Token")}
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		sent = append(sent, strings.TrimSpace(token))
	}
	if t.inURL {
		token := r.URL.Query().Get(tokenParameter)
		sent = append(sent, token, strings.ReplaceAll(token, " ", "+")) // base64 is often written without escapes
	}
	matches := 0
	for _, token := range sent {
		hash := sha256.Sum256([]byte(token))
		for _, known := range t.hashes {
			matches |= subtle.ConstantTimeCompare(hash[:], known[:])
		}
	}
	return matches == 1
}

// stripQuery removes the query of a request's URL, so that a token in it can't reach a log line or a trace.
func stripQuery(r *http.Request) {
	r.URL.RawQuery, r.URL.ForceQuery = "", false
	r.RequestURI = r.URL.EscapedPath()
}
