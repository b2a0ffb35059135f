package postgres

import (
	"encoding/binary"
	"net"
	"sync/atomic"
	"testing"

	"dora-exporter/integration/pgserver"
)

// meter stands between a store and its server, and counts what passes.
type meter struct {
	relay

	bytes atomic.Int64
	// roundTrips is how often the server was ready for the next request, which it says once for all that was sent together.
	roundTrips atomic.Int64
}

func newMeter(tb testing.TB, server *pgserver.Server) *meter {
	tb.Helper()
	m := &meter{relay: newRelay(tb)}
	go m.connect(func() string { return addressOf(server) }, func(client, server net.Conn) {
		go pass(client, server, func(part []byte) bool {
			m.bytes.Add(int64(len(part)))
			return true
		})
		answers := messages{found: func(kind byte) {
			if kind == 'Z' { // ReadyForQuery
				m.roundTrips.Add(1)
			}
		}}
		go pass(server, client, func(part []byte) bool {
			m.bytes.Add(int64(len(part)))
			answers.read(part)
			return true
		})
	})
	return m
}

// messages finds the messages in what a server sends: each has a byte for its kind and four for its length.
// https://www.postgresql.org/docs/current/protocol-message-formats.html
type messages struct {
	found  func(kind byte)
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
			m.found(m.header[0])
			m.rest, m.header = int(binary.BigEndian.Uint32(m.header[1:]))-4, m.header[:0]
		}
	}
}
