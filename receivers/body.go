package receivers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"time"
	"unicode/utf8"
)

// largestBody is GitHub's own limit, in bytes.
// https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap
const largestBody = 25 << 20

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
)

const (
	// usualBody is more than nearly every payload has; larger ones are read a few at a time, so that many senders at once
	// can't fill the memory before their signatures are looked at.
	usualBody = 1 << 20
	// expectedBody bounds what is reserved since a header announces it.
	expectedBody = 64 << 10
	largeBodies  = 2
	// largeMayWait is how long a large body waits for its turn.
	largeMayWait = 10 * time.Second
)

// bodies reads bodies; the zero value is of no use.
type bodies struct{ large chan struct{} }

func newBodies() bodies { return bodies{large: make(chan struct{}, largeBodies)} }

// read reads the raw body, of a type that we take and within the limit. done is to be called when the body is no longer
// used; it is never nil.
func (b bodies) read(w http.ResponseWriter, r *http.Request, forms bool) (body []byte, done func(), err error) {
	done = func() {}
	if err := acceptable(r, forms); err != nil {
		return nil, done, err
	}
	rest := http.MaxBytesReader(w, r.Body, largestBody)
	first := bytes.NewBuffer(make([]byte, 0, min(max(r.ContentLength, 0), expectedBody)+bytes.MinRead))
	_, err = first.ReadFrom(io.LimitReader(rest, usualBody))
	body = first.Bytes()
	if err == nil && len(body) == usualBody {
		if !b.take(r.Context()) {
			return nil, done, &refusal{http.StatusServiceUnavailable, unavailable, errors.New("too many large bodies at once")}
		}
		done = func() { <-b.large }
		size := r.ContentLength
		if size < 0 {
			size = largestBody
		}
		all := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead)) // at once: growing would take it several times
		all.Write(body)
		_, err = all.ReadFrom(rest)
		body = all.Bytes()
	}
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return nil, done, errTooLarge()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = &refusal{http.StatusServiceUnavailable, unavailable, errors.New("the body did not come in time")}
	}
	if err != nil {
		return nil, done, fmt.Errorf("read the body: %w", err)
	}
	return body, done, nil
}

// take waits for a place for a large body; false when there was none in time.
func (b bodies) take(ctx context.Context) bool {
	timer := time.NewTimer(largeMayWait)
	defer timer.Stop()
	select {
	case b.large <- struct{}{}:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// acceptable refuses a body by what its headers say.
func acceptable(r *http.Request, forms bool) error {
	kind := mediaType(r)
	if kind != jsonType && (kind != formType || !forms) {
		return &refusal{http.StatusUnsupportedMediaType, unsupported, fmt.Errorf("content type %q: send %s", kind, jsonType)}
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return &refusal{http.StatusUnsupportedMediaType, unsupported, fmt.Errorf("content encoding %q: send it plain", encoding)}
	}
	if r.ContentLength > largestBody {
		return errTooLarge()
	}
	return nil
}

func errTooLarge() error {
	return &refusal{http.StatusRequestEntityTooLarge, tooLarge, fmt.Errorf("the body has more than %d bytes", largestBody)}
}

// payloadOf is the JSON in a body: the body itself, or a form's field payload.
func payloadOf(r *http.Request, body []byte) ([]byte, error) {
	if mediaType(r) == formType {
		var err error
		if body, err = formPayload(body); err != nil {
			return nil, err
		}
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
