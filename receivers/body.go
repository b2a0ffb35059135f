package receivers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"time"
	"unicode/utf8"

	"golang.org/x/sync/semaphore"
)

// largestBody is GitHub's own limit, in bytes.
// https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap
const maxBody = 25 << 20

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
)

const (
	// smallestChunk and largestChunk bound the pieces in which a body is read; each is as large as what was read before it.
	minChunk = 4 << 10
	maxChunk = 64 << 10
	// decodingBytes bounds the size of all bodies that are being decoded.
	decodingBytes = 64 << 20
	// formFactor is how many times its size a form takes while its field is unescaped.
	formFactor = 4
)

// bodies reads bodies; the zero value is of no use.
type bodies struct {
	unverified *budget
	decoding   *semaphore.Weighted
}

func newBodies() bodies {
	return bodies{newBudget(unverifiedBytes), semaphore.NewWeighted(decodingBytes)}
}

// read reads the raw body, of a type that we take, within the limit and with a right signature. done is to be called when the
// body is no longer used; it is never nil. waited is how long it had to wait for memory. It takes as much memory as has come of the body and the budget allows: nothing for a
// body without a signature, which can only be refused, but is read all the same, since it may be too large for any signature.
func (b bodies) read(w http.ResponseWriter, r *http.Request, s source) (body []byte, waited time.Duration, done func(), err error) {
	done = func() {}
	if err := checkHeader(r, s.forms); err != nil {
		return nil, 0, done, err
	}
	check := newVerifier(s.secrets, r.Header.Get(s.signature))
	if check.cannotMatch() {
		n, err := io.Copy(io.Discard, io.LimitReader(r.Body, maxBody+1))
		switch {
		case n > maxBody:
			err = errTooLarge()
		case err == nil:
			err = errUnsigned(s)
		}
		return nil, 0, done, bodyError(err)
	}
	control := http.NewResponseController(w)
	held := b.unverified.share(func() { _ = control.SetReadDeadline(time.Unix(1, 0)) })
	defer held.release()
	chunks, size, err := readChunks(r, held, check)
	if err != nil {
		return nil, 0, done, bodyError(err)
	}
	if !check.valid() {
		return nil, 0, done, errUnsigned(s)
	}
	held.exempt()
	began := time.Now()
	body, done, err = b.join(r, chunks, size, maxWait-held.waited)
	return body, held.waited + time.Since(began), done, err
}

// join returns the body in one piece as soon as there is room for decoding it.
func (b bodies) join(r *http.Request, chunks [][]byte, size int, limit time.Duration) ([]byte, func(), error) {
	weight := int64(size)
	if mediaType(r) == formType {
		weight = min(formFactor*weight, decodingBytes)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), limit)
	defer cancel()
	if b.decoding.Acquire(ctx, weight) != nil {
		return nil, func() {}, &refusal{http.StatusServiceUnavailable, unavailable, errors.New("too many large bodies are being decoded")}
	}
	body := make([]byte, 0, size)
	for _, chunk := range chunks {
		body = append(body, chunk...)
	}
	return body, func() { b.decoding.Release(weight) }, nil
}

// readChunks reads a body to its end. It takes memory from held before it reads.
func readChunks(r *http.Request, held *memoryShare, check *verifier) (chunks [][]byte, size int, err error) {
	for r.ContentLength < 0 || int64(size) < r.ContentLength {
		n := min(max(size, minChunk), maxChunk)
		if r.ContentLength >= 0 {
			n = min(n, int(r.ContentLength)-size) // acceptable bounds it
		}
		if err := held.grow(r.Context(), n); err != nil {
			return nil, 0, err
		}
		chunk, err := readFull(r.Body, make([]byte, n))
		check.write(chunk)
		chunks, size = append(chunks, chunk), size+len(chunk)
		switch {
		case size > maxBody:
			return nil, 0, errTooLarge()
		case errors.Is(err, io.EOF):
			return chunks, size, nil
		case err != nil && held.isReclaimed():
			return nil, 0, errReclaimed
		case err != nil:
			return nil, 0, err
		}
	}
	_, _ = r.Body.Read(make([]byte, 1)) // so that the server knows that it has ended
	return chunks, size, nil
}

// readFull reads until the chunk is full. Unlike io.ReadFull it leaves the error as it is: the end of a body is another thing than a
// body that was cut off.
func readFull(from io.Reader, chunk []byte) ([]byte, error) {
	n := 0
	for n < len(chunk) {
		m, err := from.Read(chunk[n:])
		n += m
		if err != nil {
			return chunk[:n], err
		}
	}
	return chunk, nil
}

// bodyError gives an error of reading a body its status.
func bodyError(err error) error {
	var known *refusal
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = errors.New("the body did not come in time")
	case errors.Is(err, errBudget), errors.Is(err, errReclaimed), errors.Is(err, context.Canceled):
	default:
		return fmt.Errorf("read the body: %w", err)
	}
	return &refusal{http.StatusServiceUnavailable, unavailable, err}
}

// checkHeader refuses a body by what its headers say.
func checkHeader(r *http.Request, forms bool) error {
	kind := mediaType(r)
	if kind != jsonType && (kind != formType || !forms) {
		return &refusal{http.StatusUnsupportedMediaType, unsupported, fmt.Errorf("content type %q: send %s", kind, jsonType)}
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return &refusal{http.StatusUnsupportedMediaType, unsupported, fmt.Errorf("content encoding %q: send it plain", encoding)}
	}
	if r.ContentLength > maxBody {
		return errTooLarge()
	}
	return nil
}

func errTooLarge() error {
	return &refusal{http.StatusRequestEntityTooLarge, tooLarge, fmt.Errorf("the body has more than %d bytes", maxBody)}
}

func errUnsigned(s source) error {
	return &refusal{http.StatusUnauthorized, unauthorized, errors.New("signature missing or wrong: " + s.signature)}
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
