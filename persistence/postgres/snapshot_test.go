package postgres

import (
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// A server that resets new connections, as while it starts again, has ended no read.
func TestResetWhileConnecting(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := c.Read(make([]byte, 1)); err == nil { // the rest is not read, so that it is reset
				_ = c.(*net.TCPConn).SetLinger(0)
			}
			c.Close()
		}
	}()
	_, err = pgx.Connect(t.Context(), "postgres://"+l.Addr().String()+"/db?sslmode=disable")
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("connecting fails with %v, want a reset", err)
	}
	const explanation = "ended the read"
	if text := readError("database x", err).Error(); strings.Contains(text, explanation) {
		t.Errorf("the message is %q, want no %q", text, explanation)
	}
	if text := readError("database x", syscall.ECONNRESET).Error(); !strings.Contains(text, explanation) {
		t.Errorf("the message of a connection that was reset later is %q, want %q", text, explanation)
	}
}
