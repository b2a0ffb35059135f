package receivers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sync/semaphore"
)

// maxBody is GitHub's own limit, in bytes.
// https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap
const maxBody = 25 << 20

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
)

const (
	// minChunk and maxChunk limit the chunks in which a body is read; each is as large as all chunks before it.
	minChunk = 16 << 10
	maxChunk = 64 << 10
	// decodingBytes limits the size of all bodies that are being decoded.
	decodingBytes = 64 << 20
	// formFactor is the memory that unescaping a form needs, as a multiple of its size.
	formFactor = 4
)

// bodies reads request bodies within memory limits. Use newBodies.
type bodies struct {
	unverified *budget
	decoding   *semaphore.Weighted
}

func newBodies() bodies {
	return bodies{newBudget(unverifiedBytes), semaphore.NewWeighted(decodingBytes)}
}

// read reads the raw body and checks its type, size and, with check, its signature. The caller must call done, which is never nil, when it no longer
// uses the body. waited is how long read waited for memory. Memory is allocated as the body arrives, within the budget. A body without
// a signature is refused and takes no memory, but it is read to find out whether it is too large.
func (b bodies) read(w http.ResponseWriter, r *http.Request, s source, check *verifier) (body []byte, waited time.Duration, done func(), err error) {
	done = func() {}
	if err := checkHeader(r, s.forms); err != nil {
		return nil, 0, done, err
	}
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

// join returns the body in one piece. It waits until decoding it fits into the limit.
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
	if len(chunks) == 1 {
		return chunks[0], func() { b.decoding.Release(weight) }, nil
	}
	body := make([]byte, 0, size)
	for _, chunk := range chunks {
		body = append(body, chunk...)
	}
	return body, func() { b.decoding.Release(weight) }, nil
}

// readChunks reads a body to its end. It takes memory from held before each read.
func readChunks(r *http.Request, held *memoryShare, check *verifier) (chunks [][]byte, size int, err error) {
	for r.ContentLength < 0 || int64(size) < r.ContentLength {
		n := min(max(size, minChunk), maxChunk)
		if r.ContentLength >= 0 {
			n = min(n, int(r.ContentLength)-size) // checkHeader limits it
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
	_, _ = r.Body.Read(make([]byte, 1)) // so that the server sees the end of the body
	return chunks, size, nil
}

// readFull reads until the chunk is full. Unlike io.ReadFull it returns the error unchanged, which distinguishes the end of a body
// from a truncated one.
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

// bodyError returns the refusal for an error of reading a body.
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

// checkHeader refuses a body by its headers.
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
	var why []string
	if len(s.secrets) > 0 {
		why = append(why, "signature missing or wrong: "+s.signature)
	}
	if len(s.tokens.hashes) > 0 {
		why = append(why, "token missing or wrong: Authorization: Bearer, or X-Webhook-Token")
	}
	return &refusal{http.StatusUnauthorized, unauthorized, errors.New(strings.Join(why, "; "))}
}

// payloadOf returns the JSON in a body: the body itself, or the field payload of a form.
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

// mediaType returns the content type without its parameters, empty if it is invalid.
func mediaType(r *http.Request) string {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return kind
}
