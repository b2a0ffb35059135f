package pgserver

import (
	"fmt"
	"net"
	"testing"
)

// Relay stands between stores and their server.
type Relay struct{ listener net.Listener }

// NewRelay returns a relay that listens until the end of the test.
func NewRelay(tb testing.TB) Relay {
	tb.Helper()
	l, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	return Relay{l}
}

// URL is that of the database, through the relay.
func (r Relay) URL() string {
	return fmt.Sprintf("postgres://postgres@%s/postgres?sslmode=disable", r.listener.Addr())
}

// Close takes no more clients.
func (r Relay) Close() error { return r.listener.Close() }

// Connect connects each client to the server with an address, and leaves it to pass what they send.
func (r Relay) Connect(address func() string, pass func(client, server net.Conn)) {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", address()) //nolint:noctx // the relay ends with the test
		if err != nil {
			_ = client.Close()
			continue
		}
		pass(client, server)
	}
}

// Pass passes on what comes from a connection as long as it is allowed, and then closes both.
func Pass(from, to net.Conn, allows func(part []byte) bool) {
	defer from.Close()
	defer to.Close()
	buffer := make([]byte, 1<<20)
	for {
		n, err := from.Read(buffer)
		if err != nil || !allows(buffer[:n]) {
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}
