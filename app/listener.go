package app

import (
	"cmp"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// mostConnections bounds those of one address.
	maxConnections = 2048
	// evictedAtOnce is how many are closed when there are too many: one at a time would be slower than whoever opens them.
	evictionBatch = 64
	// mostEvicted bounds those that are still being closed, which takes a moment so that an answer arrives. They count extra.
	maxEvicting = 512
	// acceptPause is the longest pause after a connection could not be accepted.
	acceptPause = time.Second
)

// boundedListener bounds the connections of an address. When there are too many, those that have waited longest for their
// clients are closed; those whose requests are being worked on never are, so that further ones wait in the system's queue.
// When accepting fails, for example since the process has no file descriptors left, it tries again.
type boundedListener struct {
	net.Listener

	limit int
	// failures reports attempts to accept that failed.
	acceptFailures *acceptFailures
	// onEvicted is called with the number of connections that are closed to make room.
	onEvicted func(n int)
	// heads are the bytes of all requests' headers that are being read.
	headerBytes atomic.Int64

	mu          sync.Mutex
	connections map[*connection]struct{}
	// evicted is how many of them are being closed to make room.
	evicting int
	// left is signalled when a connection ends or the listener is closed.
	changed chan struct{}
	closed  bool
}

func newBoundedListener(l net.Listener, most int, onFailure func(), onEvicted func(int), logger *slog.Logger) *boundedListener {
	return &boundedListener{
		Listener: l, limit: most, acceptFailures: newAcceptFailures(onFailure, logger), onEvicted: onEvicted,
		connections: map[*connection]struct{}{}, changed: make(chan struct{}, 1),
	}
}

// Accept waits until there is room for a connection and returns the next one.
func (l *boundedListener) Accept() (net.Conn, error) {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, acceptPause) {
		l.makeRoom()
		conn, err := l.Listener.Accept()
		if err == nil {
			return l.add(conn), nil
		}
		if !isTemporary(err) {
			return nil, err
		}
		l.acceptFailures.add(err)
		l.evict(evictionBatch) // they have descriptors
		time.Sleep(pause)
	}
}

// isTemporary reports whether an error of accept says nothing about the listener.
func isTemporary(err error) bool {
	for _, one := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, one) {
			return true
		}
	}
	return false
}

// Close closes the listener.
func (l *boundedListener) Close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.signal()
	l.acceptFailures.flush()
	return l.Listener.Close()
}

// makeRoom waits until there is room for one more.
func (l *boundedListener) makeRoom() {
	for {
		l.mu.Lock()
		room := l.closed || len(l.connections)-l.evicting < l.limit
		l.mu.Unlock()
		if room {
			return
		}
		l.evict(evictionBatch)
		select {
		case <-l.changed:
		case <-time.After(100 * time.Millisecond): // by then others may have waited for long enough
		}
	}
}

// evict closes at most n connections, those that have waited longest first.
func (l *boundedListener) evict(n int) {
	type candidate struct {
		c     *connection
		since time.Time
	}
	var all []candidate
	now := time.Now()
	l.mu.Lock()
	for c := range l.connections {
		if since, ok := c.evictableSince(now); ok {
			all = append(all, candidate{c, since})
		}
	}
	l.mu.Unlock()
	slices.SortFunc(all, func(a, b candidate) int { return cmp.Compare(a.since.UnixNano(), b.since.UnixNano()) })
	l.mu.Lock()
	all = all[:max(min(n, len(all), maxEvicting-l.evicting), 0)]
	l.mu.Unlock()
	for _, one := range all {
		one.c.evict()
	}
	if len(all) > 0 {
		l.onEvicted(len(all))
	}
}

func (l *boundedListener) add(conn net.Conn) *connection {
	c := &connection{Conn: conn, listener: l, waitingSince: time.Now()}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.connections[c] = struct{}{}
	return c
}

func (l *boundedListener) remove(c *connection) {
	l.mu.Lock()
	delete(l.connections, c)
	if c.countedAsEvicting {
		l.evicting--
	}
	l.mu.Unlock()
	l.signal()
}

// markEvicting notes that a connection is being closed to make room.
func (l *boundedListener) markEvicting(c *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.connections[c]; ok {
		c.countedAsEvicting = true
		l.evicting++
	}
}

func (l *boundedListener) signal() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// endReads has every read fail from now on, as if it had taken too long.
func (l *boundedListener) endReads() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.connections {
		_ = c.SetReadDeadline(time.Unix(1, 0)) // one that is closed has no reads
	}
}
