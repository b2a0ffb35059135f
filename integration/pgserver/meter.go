package pgserver

import (
	"encoding/binary"
	"net"
	"sync/atomic"
	"testing"
)

// Meter stands between stores and their server, and counts what passes.
type Meter struct {
	Relay

	bytes, roundTrips, statements atomic.Int64
}

// NewMeter returns a meter that works until the end of the test.
func NewMeter(tb testing.TB, server *Server) *Meter {
	tb.Helper()
	m := &Meter{Relay: NewRelay(tb)}
	go m.Connect(server.Address, func(client, server net.Conn) {
		go Pass(client, server, func(part []byte) bool {
			m.bytes.Add(int64(len(part)))
			return true
		})
		answers := messages{found: m.count}
		go Pass(server, client, func(part []byte) bool {
			m.bytes.Add(int64(len(part)))
			answers.read(part)
			return true
		})
	})
	return m
}

// count counts a message of the server.
func (m *Meter) count(kind byte) {
	switch kind {
	case 'C': // CommandComplete
		m.statements.Add(1)
	case 'Z': // ReadyForQuery
		m.roundTrips.Add(1)
	}
}

// Traffic is what has passed a meter.
type Traffic struct {
	// Bytes are those of both directions.
	Bytes int64
	// RoundTrips is how often the server was ready for the next request, which it says once for all that was sent together.
	RoundTrips int64
	// Statements is how many statements were executed.
	Statements int64
}

// Traffic returns what has passed since the last call.
func (m *Meter) Traffic() Traffic {
	return Traffic{m.bytes.Swap(0), m.roundTrips.Swap(0), m.statements.Swap(0)}
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
