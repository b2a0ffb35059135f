package enrichment

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"dora-exporter/dora"
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

// message returns the message of an error answer, empty if it is not an answer of GitHub.
func message(body []byte) string {
	var answer struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return ""
	}
	text := answer.Message
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

// redact removes tokens from an error: a server may echo what it was sent.
func (g *GitHub) redact(err error) error {
	text := err.Error()
	redacted := g.credential.redact(text)
	if redacted == text {
		return err
	}
	if s := new(statusError); errors.As(err, &s) {
		s.message = g.credential.redact(s.message)
		return s
	}
	return errors.New(redacted)
}
