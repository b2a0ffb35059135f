package bounds

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

const (
	// freeBytes and freeElements are above the size of nearly every answer. Every caller may have such answers in memory.
	freeBytes    = 2 << 20
	freeElements = 20_000
	// maxKept limits what one caller keeps of its answers, in bytes.
	maxKept = 64 << 20
	// firstRead is above the size of most answers, in bytes.
	firstRead = 16 << 10
)

// Answers limits the memory of answers from other servers: one caller at a time may have large answers; others wait.
type Answers struct {
	large chan struct{}
	// buffers are what answers are first read into, since nobody knows how large these are.
	buffers sync.Pool
}

// NewAnswers returns an unused limit.
func NewAnswers() *Answers {
	return &Answers{large: make(chan struct{}, 1), buffers: sync.Pool{New: func() any { return new([firstRead]byte) }}}
}

// Lease is one caller's use of Answers, from its first answer to its last. It is not safe for concurrent use.
type Lease struct {
	// OnWait is called before the lease waits for its turn, and the function that it returns after that. It may be nil.
	OnWait func() (resume func())

	answers *Answers
	large   bool
	kept    int
}

// Lease begins a use, which ends with Release.
func (a *Answers) Lease() *Lease { return &Lease{answers: a} }

// Release lets the next caller have large answers.
func (l *Lease) Release() {
	if l.large {
		l.large = false
		<-l.answers.large
	}
	l.kept = 0
}

// Read reads an answer of at most limit bytes. It waits for its turn until ctx ends when the answer is large.
func (l *Lease) Read(ctx context.Context, r io.Reader, limit int) ([]byte, error) {
	free := min(limit, freeBytes)
	body, isWhole, err := l.readFirst(r, free)
	if err != nil || isWhole {
		return body.Bytes(), err
	}
	if _, err := body.ReadFrom(io.LimitReader(r, int64(free+1-body.Len()))); err != nil || body.Len() <= free {
		return body.Bytes(), err
	}
	if body.Len() > limit {
		return nil, &LimitError{"bytes", limit}
	}
	if err := l.waitForTurn(ctx); err != nil {
		return nil, err
	}
	all := bytes.NewBuffer(make([]byte, 0, limit+1+bytes.MinRead)) // allocated at once: growing would need several times the memory
	_, _ = body.WriteTo(all)                                       // a bytes.Buffer has no errors
	_, err = all.ReadFrom(io.LimitReader(r, int64(limit+1-all.Len())))
	if err == nil && all.Len() > limit {
		return nil, &LimitError{"bytes", limit}
	}
	return all.Bytes(), err
}

// readFirst reads the first bytes of an answer of at most limit bytes, and reports whether these are the whole answer.
func (l *Lease) readFirst(r io.Reader, limit int) (*bytes.Buffer, bool, error) {
	first := l.answers.buffers.Get().(*[firstRead]byte)
	defer l.answers.buffers.Put(first)
	n, size := 0, min(limit+1, firstRead)
	var err error
	for n < size && err == nil {
		var more int
		more, err = r.Read(first[n:size])
		n += more
	}
	isEnd := errors.Is(err, io.EOF) // io.ReadFull would return the error of a truncated answer for this one, too
	if isEnd {
		err = nil
	}
	return bytes.NewBuffer(bytes.Clone(first[:n])), isEnd && n <= limit, err
}

// Admit checks the limits of an answer that is about to be decoded. It waits for its turn until ctx ends when the answer has many elements.
func (l *Lease) Admit(ctx context.Context, limits JSON, data []byte) error {
	elements, err := limits.Check(data)
	if err != nil {
		return err
	}
	if elements > freeElements {
		return l.waitForTurn(ctx)
	}
	return nil
}

// ErrTooMuch reports that the answers that a caller keeps exceed the limit.
var ErrTooMuch = errors.New("the answers are too large together")

// Keep counts bytes that the caller keeps until Release. It waits for its turn until ctx ends when these are many.
func (l *Lease) Keep(ctx context.Context, size int) error {
	l.kept += size
	if l.kept > maxKept {
		return fmt.Errorf("%w: more than %d bytes", ErrTooMuch, maxKept)
	}
	if l.kept > freeBytes {
		return l.waitForTurn(ctx)
	}
	return nil
}

// HasTurn reports whether this is the caller that may have large answers: others may wait for its Release.
func (l *Lease) HasTurn() bool { return l.large }

// waitForTurn returns when this is the caller that may have large answers.
func (l *Lease) waitForTurn(ctx context.Context) error {
	if l.large {
		return nil
	}
	select {
	case l.answers.large <- struct{}{}:
		l.large = true
		return nil
	default:
	}
	if l.OnWait != nil {
		defer l.OnWait()()
	}
	select {
	case l.answers.large <- struct{}{}:
		l.large = true
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for other large answers: %w", ctx.Err())
	}
}
