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
	// How long a client must keep a connection waiting until it may be evicted to make room: for a request or the rest of
	// one, and for reading an answer.
	idleBeforeEviction   = time.Second
	unreadBeforeEviction = 5 * time.Second
	// evictionGrace is how long an evicted connection may take to send pending answers.
	evictionGrace = 2 * time.Second

	// Bytes of a request's header up to freeHeaderBytes are always read, and those of a TLS handshake and first record up to freeTLSBytes.
	// Longer headers are read while all unfinished headers together have less than maxHeaderBytes: parsed by net/http they can
	// take twenty times as much memory.
	freeHeaderBytes = 4 << 10
	freeTLSBytes    = 24 << 10
	maxHeaderBytes  = 4 << 20
)

// tlsHandshake is the first byte of a TLS connection. No HTTP request begins with it.
// https://www.rfc-editor.org/rfc/rfc8446#section-5.1
const tlsHandshake = 22

var errHeaderBytes = errors.New("too many large headers are being read")

// connection is an accepted connection that tracks what it waits for, so that the listener can choose which to evict.
type connection struct {
	net.Conn

	listener *boundedListener

	mu sync.Mutex
	// waitingSince is when the connection began to wait for a request or the rest of one. openBodies is the number of its
	// requests whose bodies have not been read to the end; HTTP/2 has concurrent requests.
	waitingSince         time.Time
	requests, openBodies int
	// headerBytes are the bytes read of the current header, freeBytes how many of them are always read.
	headerBytes, freeBytes int64
	// writingSince is when the current write began; zero if there is none.
	writingSince time.Time
	// cancels end the reading of bodies.
	cancels map[*requestBody]context.CancelFunc
	evicted bool
	closing sync.Once
	// countedAsEvicting belongs to the listener.
	countedAsEvicting bool
}

// evictableSince returns when the connection began to wait for its client, and whether it may be evicted for that.
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

// evict ends the waits of the connection and closes it after evictionGrace. A request whose body is being read gets an answer.
func (c *connection) evict() {
	c.listener.markEvicting(c)
	c.mu.Lock()
	c.evicted = true
	for _, cancel := range c.cancels {
		cancel()
	}
	_ = c.Conn.SetReadDeadline(time.Unix(1, 0))
	if !c.writingSince.IsZero() {
		_ = c.SetWriteDeadline(time.Unix(1, 0))
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

// SetDeadline sets both deadlines.
func (c *connection) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// Read counts the bytes of headers and fails if they exceed the limits.
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

// Write records how long it waits for the client.
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

// CloseWrite closes the sending direction only. The server does so before it closes a connection, so that its last answer arrives.
func (c *connection) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

// Close closes the connection and removes it from its listener.
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

// releaseHeader subtracts a header that is no longer kept from the listener's total. c.mu is held.
func (c *connection) releaseHeader() {
	c.listener.headerBytes.Add(-c.headerBytes)
	c.headerBytes = 0
}

// beginRequest is called when a header has been read. The returned request tracks its body; end ends the request.
func (c *connection) beginRequest(r *http.Request) (tracked *http.Request, end func()) {
	ctx, cancel := context.WithCancel(r.Context())
	b := &requestBody{ReadCloser: r.Body, connection: c, open: r.ContentLength != 0}
	tracked = r.WithContext(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.releaseHeader()
	c.waitingSince = time.Now()
	c.requests++
	if b.open {
		tracked.Body = b
		c.openBodies++
		if c.cancels == nil {
			c.cancels = map[*requestBody]context.CancelFunc{}
		}
		c.cancels[b] = cancel
	}
	return tracked, func() {
		cancel()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.requests--
		c.finishBody(b)
		c.waitingSince = time.Now()
	}
}

// finishBody is called when a body has ended or nobody reads the rest of it. c.mu is held.
func (c *connection) finishBody(b *requestBody) {
	if b.open {
		b.open = false
		c.openBodies--
		delete(c.cancels, b)
	}
}

// requestBody is a body that reports its end to the connection.
type requestBody struct {
	io.ReadCloser

	connection *connection
	open       bool
}

func (b *requestBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF { // a reader's EOF is not wrapped
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
