package enrichment

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"dora-exporter/dora"
	"dora-exporter/internal/redact"
)

// statusError is an answer with a status other than 2xx.
type statusError struct {
	method  string
	url     *url.URL
	status  int
	message string
}

func (e *statusError) Error() string {
	text := fmt.Sprintf("%s %s: %d %s", e.method, e.url, e.status, http.StatusText(e.status))
	if e.message != "" {
		text += ": " + e.message
	}
	return text
}

// maxMessage limits how much of an answer's message is logged, in bytes.
const maxMessage = 200

// message returns the message of an error answer, empty if it is not an answer of GitHub. clean redacts it before it is cut, which may leave
// the beginning of a token.
func message(body []byte, clean func(string) string) string {
	var answer struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return ""
	}
	text := clean(answer.Message)
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "") + "…"
	}
	return text
}

// notFound converts the error of a call for a commit or pull request that does not exist into a *dora.NotFoundError.
func notFound(err error) error {
	var s *statusError
	if isUnanswered(err) || !errors.As(err, &s) || !isNotFound(s.status) {
		return err
	}
	reason := dora.ReasonNotFound
	if s.status == http.StatusUnprocessableEntity {
		reason = dora.ReasonUnprocessed
	}
	return &dora.NotFoundError{Reason: reason, Err: err}
}

// redact removes tokens from the text of an error: a server may echo what it was sent. What errors.Is and errors.As find in it stays.
func (g *GitHub) redact(err error) error { return redact.Error(err, g.credential.redact) }
