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
	// maxConnections bounds the connections of an address.
	maxConnections = 2048
	// evictionBatch is how many connections are evicted together: one at a time would be slower than a client that opens them.
	evictionBatch = 64
	// maxEvicting bounds the evicted connections that are not closed yet. They don't count towards maxConnections.
	maxEvicting = 512
	// acceptPause is the longest pause after a failure to accept a connection.
	acceptPause = time.Second
)

// boundedListener bounds the connections of an address. When the limit is reached, it evicts those that have waited longest for
// their clients. It never evicts connections whose requests are being processed; new ones then wait in the system's backlog. When
// accepting fails, for example because no file descriptors are left, it retries.
type boundedListener struct {
	net.Listener

	limit int
	// acceptFailures counts and logs failures to accept.
	acceptFailures *acceptFailures
	// onEvicted is called with the number of connections that were evicted.
	onEvicted func(n int)
	// headerBytes is the size of all headers that are being read.
	headerBytes atomic.Int64

	mu          sync.Mutex
	connections map[*connection]struct{}
	// evicting is the number of evicted connections that are not closed yet.
	evicting int
	// changed is signalled when a connection ends or the listener is closed.
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
		l.evict(evictionBatch) // which frees file descriptors
		select {
		case <-l.changed:
		case <-time.After(pause):
		}
	}
}

// isTemporary reports whether accept may succeed after an error.
func isTemporary(err error) bool {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, errno) {
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

// makeRoom evicts connections until there is room for one more.
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
		case <-time.After(100 * time.Millisecond): // more connections may be evictable by then
		}
	}
}

// evict evicts at most n connections, those that have waited longest first.
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
	for _, candidate := range all {
		candidate.c.evict()
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

// markEvicting counts a connection as evicted but not closed.
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

// endReads makes all reads of the connections time out.
func (l *boundedListener) endReads() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.connections {
		_ = c.SetReadDeadline(time.Unix(1, 0)) // fails only if the connection is closed
	}
}
