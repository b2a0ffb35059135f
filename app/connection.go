package app

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// A connection may be closed to make room for others when its client has kept it waiting for this long: for a request, or
	// the rest of one; and for reading an answer.
	idleBeforeEviction   = time.Second
	unreadBeforeEviction = 5 * time.Second
	// evictedMayEnd is how long a connection that is closed to make room may take to answer what it was asked.
	evictionGrace = 2 * time.Second

	// A header of headFree bytes is always read: what the server reads at once, which may have the beginning of a body. So are
	// handshake and first record of TLS. More than that is read while all headers together have less than headBytes: the server's
	// form of a header can be twenty times as large.
	freeHeaderBytes = 4 << 10
	freeTLSBytes    = 24 << 10
	maxHeaderBytes  = 4 << 20
)

// tlsHandshake is the first byte of a TLS connection, and none of an HTTP request. https://www.rfc-editor.org/rfc/rfc8446#section-5.1
const tlsHandshake = 22

var errHeaderBytes = errors.New("too many large headers are being read")

// connection is an accepted connection that knows what it waits for.
type connection struct {
	net.Conn

	listener *boundedListener

	mu sync.Mutex
	// since is when it began to wait for a request or the rest of one. Of its requests, reading are those whose bodies have not
	// been read to the end; HTTP/2 has several.
	waitingSince         time.Time
	requests, openBodies int
	// head are the bytes that were read of a request's header, free how many are always read.
	headerBytes, freeBytes int64
	// writing is when it began to write what is not written yet; zero when there is nothing.
	writingSince time.Time
	// cancel are what ends the waits of its requests' bodies, by request.
	cancels map[*requestBody]context.CancelFunc
	evicted bool
	closing sync.Once
	// makesRoom belongs to the listener.
	countedAsEvicting bool
}

// evictableSince returns since when it has waited for its client, and whether it may be closed for that.
func (c *connection) evictableSince(now time.Time) (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.evicted:
		return time.Time{}, false
	case !c.writingSince.IsZero():
		return c.writingSince, now.Sub(c.writingSince) >= unreadBeforeEviction
	case c.requests == c.openBodies:
		return c.waitingSince, now.Sub(c.waitingSince) >= idleBeforeEviction
	}
	return time.Time{}, false
}

// evict ends what the connection waits for. A request whose body is being read gets its answer.
func (c *connection) evict() {
	c.listener.markEvicting(c)
	c.mu.Lock()
	c.evicted = true
	for _, cancel := range c.cancels {
		cancel()
	}
	_ = c.Conn.SetReadDeadline(time.Unix(1, 0))
	if !c.writingSince.IsZero() {
		_ = c.Conn.SetWriteDeadline(time.Unix(1, 0))
	}
	c.mu.Unlock()
	time.AfterFunc(evictionGrace, func() { _ = c.Close() })
}

// SetReadDeadline keeps an evicted connection from waiting again.
func (c *connection) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.evicted {
		return nil
	}
	return c.Conn.SetReadDeadline(t)
}

// SetDeadline does likewise.
func (c *connection) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// Read counts the bytes of headers.
func (c *connection) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n == 0 {
		return n, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.requests > 0 {
		return n, err
	}
	if c.freeBytes == 0 {
		if c.freeBytes = freeHeaderBytes; p[0] == tlsHandshake {
			c.freeBytes = freeTLSBytes
		}
	}
	c.headerBytes += int64(n)
	if all := c.listener.headerBytes.Add(int64(n)); all > maxHeaderBytes && c.headerBytes > c.freeBytes {
		return 0, errHeaderBytes
	}
	return n, err
}

// Write remembers since when it waits for its client.
func (c *connection) Write(p []byte) (int, error) {
	c.setWriting(time.Now())
	defer c.setWriting(time.Time{})
	return c.Conn.Write(p)
}

func (c *connection) setWriting(since time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writingSince = since
}

// CloseWrite ends the sending direction alone, which the server does so that an answer arrives.
func (c *connection) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

// Close closes the connection and gives its place back.
func (c *connection) Close() error {
	err := c.Conn.Close()
	c.closing.Do(func() {
		c.mu.Lock()
		c.releaseHeader()
		c.evicted = true
		c.mu.Unlock()
		c.listener.remove(c)
	})
	return err
}

// releaseHeader is called with the lock held when a header is no longer kept.
func (c *connection) releaseHeader() {
	c.listener.headerBytes.Add(-c.headerBytes)
	c.headerBytes = 0
}

// begin is called when a request's header has been read. What it returns ends the request.
func (c *connection) beginRequest(r *http.Request) (watched *http.Request, end func()) {
	ctx, cancel := context.WithCancel(r.Context())
	b := &requestBody{ReadCloser: r.Body, connection: c, open: r.ContentLength != 0}
	watched = r.WithContext(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.releaseHeader()
	c.waitingSince = time.Now()
	c.requests++
	if b.open {
		watched.Body = b
		c.openBodies++
		if c.cancels == nil {
			c.cancels = map[*requestBody]context.CancelFunc{}
		}
		c.cancels[b] = cancel
	}
	return watched, func() {
		cancel()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.requests--
		c.finishBody(b)
		c.waitingSince = time.Now()
	}
}

// finishBody is called with the lock held when a body has ended or nobody wants the rest of it.
func (c *connection) finishBody(b *requestBody) {
	if b.open {
		b.open = false
		c.openBodies--
		delete(c.cancels, b)
	}
}

// requestBody is a body that notes its end.
type requestBody struct {
	io.ReadCloser

	connection *connection
	open       bool
}

func (b *requestBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF { //nolint:errorlint // a reader's EOF is not wrapped
		b.connection.mu.Lock()
		b.connection.finishBody(b)
		b.connection.mu.Unlock()
	}
	return n, err
}

type connectionKey struct{}

// withConnection puts the connection into the context of its requests.
func withConnection(ctx context.Context, conn net.Conn) context.Context {
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
		conn = t.NetConn()
	}
	return context.WithValue(ctx, connectionKey{}, conn)
}
