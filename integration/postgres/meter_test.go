package postgres

import (
	"encoding/binary"
	"fmt"
	"net"
	"sync/atomic"
	"testing"

	"dora-exporter/integration/pgserver"
)

// meter stands between a store and its server, and counts what passes.
type meter struct {
	listener net.Listener
	bytes    atomic.Int64
	// roundTrips is how often the server was ready for the next request, which it says once for all that was sent together.
	roundTrips atomic.Int64
}

func newMeter(tb testing.TB, server *pgserver.Server) *meter {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	m := &meter{listener: l}
	tb.Cleanup(func() { _ = l.Close() })
	go m.serve(fmt.Sprintf("127.0.0.1:%d", server.Port))
	return m
}

func (m *meter) url() string {
	return fmt.Sprintf("postgres://postgres@%s/postgres?sslmode=disable", m.listener.Addr())
}

func (m *meter) serve(address string) {
	for {
		client, err := m.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", address)
		if err != nil {
			_ = client.Close()
			continue
		}
		go pass(client, server, func(part []byte) { m.bytes.Add(int64(len(part))) })
		answers := messages{each: func(kind byte) {
			if kind == 'Z' { // ReadyForQuery
				m.roundTrips.Add(1)
			}
		}}
		go pass(server, client, func(part []byte) {
			m.bytes.Add(int64(len(part)))
			answers.read(part)
		})
	}
}

// pass passes on what comes from a connection, and shows it to see.
func pass(from, to net.Conn, see func([]byte)) {
	defer from.Close()
	defer to.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		see(buffer[:n])
		if _, writeErr := to.Write(buffer[:n]); err != nil || writeErr != nil {
			return
		}
	}
}

// messages finds the messages in what a server sends: each has a byte for its kind and four for its length.
// https://www.postgresql.org/docs/current/protocol-message-formats.html
type messages struct {
	each   func(kind byte)
	header []byte
	// rest is how much of the message is to come.
	rest int
}

func (m *messages) read(part []byte) {
	for len(part) > 0 {
		if m.rest > 0 {
			n := min(m.rest, len(part))
			m.rest, part = m.rest-n, part[n:]
			continue
		}
		n := min(5-len(m.header), len(part))
		m.header, part = append(m.header, part[:n]...), part[n:]
		if len(m.header) == 5 {
			m.each(m.header[0])
			m.rest, m.header = int(binary.BigEndian.Uint32(m.header[1:]))-4, m.header[:0]
		}
	}
}
