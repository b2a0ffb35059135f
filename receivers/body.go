package receivers

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"unicode/utf8"
)

// largestBody is GitHub's own limit, in bytes.
// https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap
const largestBody = 25 << 20

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
)

// readBody reads the raw body, of a type that we take and within the limit.
func readBody(w http.ResponseWriter, r *http.Request, forms bool) ([]byte, error) {
	kind := mediaType(r)
	if kind != jsonType && (kind != formType || !forms) {
		return nil, &refusal{http.StatusUnsupportedMediaType, unsupported, fmt.Errorf("content type %q: send %s", kind, jsonType)}
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, &refusal{http.StatusUnsupportedMediaType, unsupported, fmt.Errorf("content encoding %q: send it plain", encoding)}
	}
	if r.ContentLength > largestBody {
		return nil, errTooLarge()
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largestBody))
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return nil, errTooLarge()
	}
	if err != nil {
		return nil, fmt.Errorf("read the body: %w", err)
	}
	return body, nil
}

func errTooLarge() error {
	return &refusal{http.StatusRequestEntityTooLarge, tooLarge, fmt.Errorf("the body has more than %d bytes", largestBody)}
}

// payloadOf is the JSON in a body: the body itself, or a form's field payload.
func payloadOf(r *http.Request, body []byte) ([]byte, error) {
	if mediaType(r) == formType {
		form, err := url.ParseQuery(string(body))
		if err != nil || !form.Has("payload") {
			return nil, errors.New("the form has no field payload")
		}
		body = []byte(form.Get("payload"))
	}
	if !utf8.Valid(body) {
		return nil, errors.New("the payload is not valid UTF-8")
	}
	return body, nil
}

// mediaType is the content type without its parameters, empty when it can't be read.
func mediaType(r *http.Request) string {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return kind
}
