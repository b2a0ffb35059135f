package instrumentation

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	// mostTexts bounds the texts of a variant that are being read at a time.
	maxActiveTexts = 2
	// textAge is how old a text may be that is given to another reader while mostTexts are being read, and how long the readers of
	// a text have it for themselves.
	maxSharedAge = 5 * time.Second
)

// sharedText is a text that all share who ask for it while it is made anew. Who asks never gets a text that was begun before,
// unless mostTexts are still being read: then it is the newest of them, if it is not older than textAge, and else the readers
// of the oldest are cut off.
type sharedText struct {
	render func(size int) *text

	// rendering has room for one who makes a text.
	turn chan struct{}

	mu sync.Mutex
	// next is what is made after the one under way, nil when nobody waits for it.
	next *rendering
	// read are the texts that are being read, the oldest first.
	active []*rendering
	// size is that of the newest text.
	lastSize int
}

// rendering is a text with its readers.
type rendering struct {
	text    *text
	done    chan struct{}
	started time.Time
	readers map[*textReader]struct{}
}

// textReader is one who reads.
type textReader struct {
	rendering *rendering
	abort     func()
}

func newSharedText(render func(size int) *text) *sharedText {
	return &sharedText{render: render, turn: make(chan struct{}, 1)}
}

// open returns a text and who reads it, to be closed. cut is called when it is to read no longer; it must not block.
func (s *sharedText) acquire(cut func()) (*textReader, *text) {
	s.mu.Lock()
	shared := s.next
	mine := false
	if shared == nil {
		if shared = s.reusable(); shared == nil {
			shared = &rendering{done: make(chan struct{}), readers: map[*textReader]struct{}{}}
			s.next, mine = shared, true
		}
	}
	reader := &textReader{shared, cut}
	shared.readers[reader] = struct{}{}
	s.mu.Unlock()
	if mine {
		s.fill(shared)
	}
	<-shared.done
	return reader, shared.text
}

// reusable is the text that another reader has to take, nil when a new one is made. It is called with the lock held.
func (s *sharedText) reusable() *rendering {
	if len(s.active) < maxActiveTexts {
		return nil
	}
	oldest, newest := s.active[0], s.active[len(s.active)-1]
	if time.Since(newest.started) < maxSharedAge {
		return newest
	}
	for reader := range oldest.readers {
		reader.abort()
	}
	return nil
}

func (s *sharedText) fill(shared *rendering) {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	s.mu.Lock()
	s.next, shared.started = nil, time.Now() // who comes from here on wants the next
	s.active = append(s.active, shared)
	size := s.lastSize
	s.mu.Unlock()
	t := &text{status: http.StatusInternalServerError, header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, body: []byte("the metrics could not be rendered\n")}
	defer func() { // also when it panics
		shared.text = t
		close(shared.done)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.lastSize = len(t.body)
	}()
	t = s.render(size)
}

// release gives the text up.
func (s *sharedText) release(r *textReader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(r.rendering.readers, r)
	if len(r.rendering.readers) == 0 {
		s.active = slices.DeleteFunc(s.active, func(o *rendering) bool { return o == r.rendering })
	}
}
