package app

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
)

// pipes is a listener whose connections have no network below them, so that their time is that of the test.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// observed is a connection that tells when it is closed.
type observed struct {
	net.Conn

	closed chan time.Time
}

func (o *observed) Close() error {
	select {
	case o.closed <- time.Now():
	default: // it was closed before
	}
	return o.Conn.Close()
}

type noDoorMetrics struct{}

func (noDoorMetrics) AcceptFailure() {}
func (noDoorMetrics) Evicted(int)    {}

// Whoever sends or reads slowly is cut off, after the time that each part may take.
func TestSlowClients(t *testing.T) {
	for name, test := range map[string]struct {
		send string
		// then is sent each second, nothing when it is empty; reads says whether the answer is read.
		then  string
		reads bool
		want  time.Duration
	}{
		"silence":         {"", "", true, 10 * time.Second},
		"slow header":     {"POST /api/github HTTP/1.1\r\nHost: x\r\nX-Slow: ", "x", true, 10 * time.Second},
		"slow first line": {"POST /", "x", true, 10 * time.Second},
		"many headers":    {"POST /api/github HTTP/1.1\r\n", "X: x\r\n", true, 10 * time.Second},
		"slow body":       {"POST /api/github HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", "x", true, 30 * time.Second},
		"slow chunks":     {"POST /api/github HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n", true, 30 * time.Second},
		"no body":         {"POST /api/github HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", "", true, 30 * time.Second},
		"idle":            {"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "", true, 2 * time.Minute},
		"answer not read": {"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "", false, 60 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				logger := slog.New(slog.DiscardHandler)
				d, err := newAddressServer(context.Background(), "127.0.0.1:0", "server.port", newEngine(endpoints{}.health(), func(r gin.IRouter) {
					r.POST("/api/github", func(c *gin.Context) {
						if _, err := io.ReadAll(c.Request.Body); err == nil {
							t.Error("the body was read to its end")
						}
						c.Status(http.StatusBadRequest)
					})
				}, logger), noDoorMetrics{}, logger)
				if err != nil {
					t.Fatal(err)
				}
				if err := d.listener.Close(); err != nil {
					t.Fatal(err)
				}
				listener := make(pipes)
				bounded := newBoundedListener(listener, 10, func() {}, func(int) {}, logger)
				go func() { _ = d.http.Serve(bounded) }()
				client, pipe := net.Pipe()
				conn := &observed{Conn: pipe, closed: make(chan time.Time, 1)}
				listener <- conn
				var busy sync.WaitGroup
				busy.Go(func() {
					_, err := io.WriteString(client, test.send)
					for err == nil && test.then != "" {
						time.Sleep(time.Second)
						_, err = io.WriteString(client, test.then)
					}
				})
				if test.reads {
					busy.Go(func() { _, _ = io.Copy(io.Discard, client) })
				}
				if took := (<-conn.closed).Sub(began); took < test.want || took > test.want+2*time.Second {
					t.Errorf("cut off after %s, want %s", took, test.want)
				}
				_ = client.Close()
				busy.Wait()
				_ = d.http.Close()
			})
		})
	}
}
