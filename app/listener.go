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
	mostConnections = 2048
	// evictedAtOnce is how many are closed when there are too many: one at a time would be slower than whoever opens them.
	evictedAtOnce = 64
	// mostEvicted bounds those that are still being closed, which takes a moment so that an answer arrives. They count extra.
	mostEvicted = 512
	// acceptPause is the longest pause after a connection could not be accepted.
	acceptPause = time.Second
)

// boundedListener bounds the connections of an address. When there are too many, those that have waited longest for their
// clients are closed; those whose requests are being worked on never are, so that further ones wait in the system's queue.
// When accepting fails, for example since the process has no file descriptors left, it tries again.
type boundedListener struct {
	net.Listener

	most int
	// failures reports attempts to accept that failed.
	failures *acceptFailures
	// onEvicted is called with the number of connections that are closed to make room.
	onEvicted func(n int)
	// heads are the bytes of all requests' headers that are being read.
	heads atomic.Int64

	mu   sync.Mutex
	open map[*connection]struct{}
	// evicted is how many of them are being closed to make room.
	evicted int
	// left is signalled when a connection ends or the listener is closed.
	left   chan struct{}
	closed bool
}

func newBoundedListener(l net.Listener, most int, onFailure func(), onEvicted func(int), logger *slog.Logger) *boundedListener {
	return &boundedListener{
		Listener: l, most: most, failures: newAcceptFailures(onFailure, logger), onEvicted: onEvicted,
		open: map[*connection]struct{}{}, left: make(chan struct{}, 1),
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
		if !passing(err) {
			return nil, err
		}
		l.failures.add(err)
		l.evict(evictedAtOnce) // they have descriptors
		select {
		case <-l.left:
		case <-time.After(pause):
		}
	}
}

// passing reports whether an error of accept says nothing about the listener.
func passing(err error) bool {
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
	l.failures.flush()
	return l.Listener.Close()
}

// makeRoom waits until there is room for one more.
func (l *boundedListener) makeRoom() {
	for {
		l.mu.Lock()
		room := l.closed || len(l.open)-l.evicted < l.most
		l.mu.Unlock()
		if room {
			return
		}
		l.evict(evictedAtOnce)
		select {
		case <-l.left:
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
	for c := range l.open {
		if since, ok := c.waitsSince(now); ok {
			all = append(all, candidate{c, since})
		}
	}
	l.mu.Unlock()
	slices.SortFunc(all, func(a, b candidate) int { return cmp.Compare(a.since.UnixNano(), b.since.UnixNano()) })
	l.mu.Lock()
	all = all[:max(min(n, len(all), mostEvicted-l.evicted), 0)]
	l.mu.Unlock()
	for _, one := range all {
		one.c.evict()
	}
	if len(all) > 0 {
		l.onEvicted(len(all))
	}
}

func (l *boundedListener) add(conn net.Conn) *connection {
	c := &connection{Conn: conn, listener: l, since: time.Now()}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[c] = struct{}{}
	return c
}

func (l *boundedListener) remove(c *connection) {
	l.mu.Lock()
	delete(l.open, c)
	if c.makesRoom {
		l.evicted--
	}
	l.mu.Unlock()
	l.signal()
}

// evicting notes that a connection is being closed to make room.
func (l *boundedListener) evicting(c *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.open[c]; ok {
		c.makesRoom = true
		l.evicted++
	}
}

func (l *boundedListener) signal() {
	select {
	case l.left <- struct{}{}:
	default:
	}
}

// endReads has every read fail from now on, as if it had taken too long.
func (l *boundedListener) endReads() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		_ = c.SetReadDeadline(time.Unix(1, 0)) // one that is closed has no reads
	}
}
