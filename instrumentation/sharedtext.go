package instrumentation

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	// mostTexts bounds the texts of a variant that are being read at a time.
	mostTexts = 2
	// textAge is how old a text may be that is given to another reader while mostTexts are being read, and how long the readers of
	// a text have it for themselves.
	textAge = 5 * time.Second
)

// sharedText is a text that all share who ask for it while it is made anew. Who asks never gets a text that was begun before,
// unless mostTexts are still being read: then it is the newest of them, if it is not older than textAge, and else the readers
// of the oldest are cut off.
type sharedText struct {
	render func(size int) *text

	// rendering has room for one who makes a text.
	rendering chan struct{}

	mu sync.Mutex
	// next is what is made after the one under way, nil when nobody waits for it.
	next *sharing
	// read are the texts that are being read, the oldest first.
	read []*sharing
	// size is that of the newest text.
	size int
}

// sharing is a text with its readers.
type sharing struct {
	text    *text
	made    chan struct{}
	begun   time.Time
	readers map[*textReader]struct{}
}

// textReader is one who reads.
type textReader struct {
	sharing *sharing
	cut     func()
}

func newSharedText(render func(size int) *text) *sharedText {
	return &sharedText{render: render, rendering: make(chan struct{}, 1)}
}

// open returns a text and who reads it, to be closed. cut is called when it is to read no longer; it must not block.
func (s *sharedText) open(cut func()) (*textReader, *text) {
	s.mu.Lock()
	shared := s.next
	mine := false
	if shared == nil {
		if shared = s.crowded(); shared == nil {
			shared = &sharing{made: make(chan struct{}), readers: map[*textReader]struct{}{}}
			s.next, mine = shared, true
		}
	}
	reader := &textReader{shared, cut}
	shared.readers[reader] = struct{}{}
	s.mu.Unlock()
	if mine {
		s.make(shared)
	}
	<-shared.made
	return reader, shared.text
}

// crowded is the text that another reader has to take, nil when a new one is made. It is called with the lock held.
func (s *sharedText) crowded() *sharing {
	if len(s.read) < mostTexts {
		return nil
	}
	oldest, newest := s.read[0], s.read[len(s.read)-1]
	if time.Since(newest.begun) < textAge {
		return newest
	}
	for reader := range oldest.readers {
		reader.cut()
	}
	return nil
}

func (s *sharedText) make(shared *sharing) {
	s.rendering <- struct{}{}
	defer func() { <-s.rendering }()
	s.mu.Lock()
	s.next, shared.begun = nil, time.Now() // who comes from here on wants the next
	s.read = append(s.read, shared)
	size := s.size
	s.mu.Unlock()
	t := &text{status: http.StatusInternalServerError, header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, body: []byte("the metrics could not be rendered\n")}
	defer func() { // also when it panics
		shared.text = t
		close(shared.made)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.size = len(t.body)
	}()
	t = s.render(size)
}

// close gives the text up.
func (s *sharedText) close(r *textReader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(r.sharing.readers, r)
	if len(r.sharing.readers) == 0 {
		s.read = slices.DeleteFunc(s.read, func(o *sharing) bool { return o == r.sharing })
	}
}
