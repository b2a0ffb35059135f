package instrumentation

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// A scrape of many series is a text of many megabytes, and a client that never reads its answer keeps that memory occupied.
// Scrapes of the same format therefore share texts, so that their memory does not grow with the number of clients:
//
//   - One text is rendered at a time. Requests that arrive meanwhile wait together for the next one. So a request never gets
//     values from before it was made, with one exception:
//   - At most maxActiveTexts are held. If clients are still reading that many, a new request gets the newest of them, unless that is
//     older than maxSharedAge and the clients of the oldest have had minReadTime. Then these are disconnected, and a new text is
//     rendered.

const (
	// maxActiveTexts bounds the texts of a format that are being read at a time.
	maxActiveTexts = 2
	// maxSharedAge is how old a text may be that is given to another reader while maxActiveTexts are being read.
	maxSharedAge = time.Second
	// minReadTime is how long a client may take for reading a text while others wait for a newer one.
	minReadTime = 5 * time.Second
)

// sharedText renders the text of a format and shares it between readers.
type sharedText struct {
	// render makes a text in the memory of an empty body.
	render func(body) *text
	// turn has capacity 1; whoever renders holds it.
	turn chan struct{}

	mu sync.Mutex
	// next is rendered after the current one; nil if nobody waits for it.
	next *rendering
	// active are the texts that are being read, oldest first.
	active []*rendering
	// unused has the memory of a text that nobody reads any more.
	unused body
}

// rendering is a text with its readers. done is closed when text is set.
type rendering struct {
	text    *text
	done    chan struct{}
	started time.Time
	readers map[*textReader]struct{}
}

// textReader is a client that reads a text. abort disconnects it.
type textReader struct {
	rendering *rendering
	abort     func()
}

func newSharedText(render func(body) *text) *sharedText {
	return &sharedText{render: render, turn: make(chan struct{}, 1)}
}

// acquire returns a text and its reader, to be passed to release. abort is called if the reader must stop; it must not block.
func (s *sharedText) acquire(abort func()) (*textReader, *text) {
	s.mu.Lock()
	shared := s.next
	first := false
	if shared == nil {
		if shared = s.reusable(); shared == nil {
			shared = &rendering{done: make(chan struct{}), readers: map[*textReader]struct{}{}}
			s.next, first = shared, true
		}
	}
	reader := &textReader{shared, abort}
	shared.readers[reader] = struct{}{}
	s.mu.Unlock()
	if first {
		s.fill(shared)
	}
	<-shared.done
	return reader, shared.text
}

// reusable returns the text that a new reader must share; nil if a new one may be rendered. s.mu is held.
func (s *sharedText) reusable() *rendering {
	if len(s.active) < maxActiveTexts {
		return nil
	}
	oldest, newest := s.active[0], s.active[len(s.active)-1]
	if time.Since(newest.started) < maxSharedAge || time.Since(oldest.started) < minReadTime {
		return newest
	}
	for reader := range oldest.readers {
		reader.abort()
	}
	return nil
}

// fill waits for its turn and renders the text.
func (s *sharedText) fill(shared *rendering) {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	s.mu.Lock()
	s.next, shared.started = nil, time.Now() // later requests wait for the next one
	s.active = append(s.active, shared)
	unused := s.unused
	s.unused = body{}
	s.mu.Unlock()
	t := &text{status: http.StatusInternalServerError, header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}}}
	_, _ = t.body.Write([]byte("the metrics could not be rendered\n"))
	defer func() { // also if render panics
		shared.text = t
		close(shared.done)
	}()
	t = s.render(unused)
}

// release gives the text up.
func (s *sharedText) release(r *textReader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(r.rendering.readers, r)
	if len(r.rendering.readers) == 0 {
		s.active = slices.DeleteFunc(s.active, func(o *rendering) bool { return o == r.rendering })
		s.unused = r.rendering.text.body.reset()
	}
}
