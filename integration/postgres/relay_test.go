package postgres

import (
	"fmt"
	"net"
	"testing"

	"dora-exporter/integration/pgserver"
)

// relay stands between stores and their server.
type relay struct{ listener net.Listener }

// newRelay returns a relay that listens until the end of the test.
func newRelay(tb testing.TB) relay {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	return relay{l}
}

// url is that of the database, through the relay.
func (r relay) url() string {
	return fmt.Sprintf("postgres://postgres@%s/postgres?sslmode=disable", r.listener.Addr())
}

func addressOf(server *pgserver.Server) string { return fmt.Sprintf("127.0.0.1:%d", server.Port) }

// connect connects each client to the server with an address, and leaves it to pass what they send.
func (r relay) connect(address func() string, pass func(client, server net.Conn)) {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", address())
		if err != nil {
			_ = client.Close()
			continue
		}
		pass(client, server)
	}
}

// pass passes on what comes from a connection as long as it is allowed, and then closes both.
func pass(from, to net.Conn, allows func(part []byte) bool) {
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
