package postgres

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/integration/pgserver"
)

// proxy stands between a store and its server and cuts connections.
type proxy struct {
	pgserver.Relay

	// server is the address of the server.
	server atomic.Pointer[string]
	// cut says when the next COMMIT cuts its connection: before the server gets it, or after it has, before the answer. If it is "all", the COMMIT
	// cuts all connections before the server gets it.
	cut atomic.Pointer[string]

	mu    sync.Mutex
	conns []net.Conn
}

func newProxy(t *testing.T, server *pgserver.Server) *proxy {
	t.Helper()
	p := &proxy{Relay: pgserver.NewRelay(t)}
	p.lead(server)
	go p.Connect(func() string { return *p.server.Load() }, p.pass)
	t.Cleanup(p.cutAll)
	return p
}

// lead leads new connections to a server.
func (p *proxy) lead(server *pgserver.Server) {
	address := server.Address()
	p.server.Store(&address)
}

// pass passes on what is sent over a new connection.
func (p *proxy) pass(client, server net.Conn) {
	p.mu.Lock()
	p.conns = append(p.conns, client, server)
	p.mu.Unlock()
	var silent atomic.Bool // the next answer cuts the connection
	go pgserver.Pass(client, server, func(part []byte) bool { return p.allows(part, &silent) })
	go pgserver.Pass(server, client, func([]byte) bool { return !silent.Load() })
}

// executesCommit is in a message that executes the prepared statement COMMIT: pgx names statements by their hash.
var executesCommit = func() []byte {
	hash := sha256.Sum256([]byte("COMMIT"))
	return fmt.Appendf(nil, "stmtcache_%x\x00\x00", hash[:24])
}()

// allows reports whether the server gets what a client sends.
func (p *proxy) allows(part []byte, silent *atomic.Bool) bool {
	if !bytes.Contains(part, executesCommit) {
		return true
	}
	when := p.cut.Swap(nil)
	if when == nil {
		return true
	}
	switch *when {
	case "before":
		return false
	case "all":
		p.cutAll()
		return false
	}
	silent.Store(true)
	return true
}

func (p *proxy) cutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}

// A connection that breaks while a transaction is being committed: it is found out whether it was, and nothing is done twice.
func TestConnectionLostInACommit(t *testing.T) {
	server := pgserver.Start(t, "fsync=off")
	for _, when := range []string{"before", "after"} {
		t.Run(when, func(t *testing.T) {
			through := newProxy(t, server)
			p := place{through.URL(), newPlace(server).schema}
			s := p.open(t)
			for i := range 10 {
				through.cut.Store(&when)
				runs := 0
				err := s.Update(t.Context(), func(tx dora.Tx) error {
					runs++
					added, err := tx.Facts().Add(fact(fmt.Sprint(i)))
					if err == nil && !added {
						err = errors.New("it is there already")
					}
					return err
				})
				if want := map[string]int{"before": 2, "after": 1}[when]; err != nil || runs != want {
					t.Fatalf("update %d = %v after %d runs, want none after %d", i, err, runs, want)
				}
			}
			if n := positions(t, s); n != 10 {
				t.Errorf("%d facts, want 10", n)
			}
		})
	}
}

// A cut network ends no work for good.
func TestConnectionsLost(t *testing.T) {
	server := pgserver.Start(t, "fsync=off")
	through := newProxy(t, server)
	s := place{through.URL(), newPlace(server).schema}.open(t)
	n := 0
	for i := range 20 {
		through.cutAll()
		eventually(t, "a fact", func() error {
			err := addFact(t.Context(), s, fmt.Sprint(i))
			if err != nil && strings.Contains(err.Error(), "there already") {
				t.Fatalf("fact %d was added, but Update said no", i)
			}
			return err
		})
		if _, err := s.Accept(t.Context(), delivery(fmt.Sprint(i))); err != nil {
			t.Errorf("Accept: %v", err)
		}
		n++
	}
	if got := positions(t, s); got != n {
		t.Errorf("%d facts, want %d", got, n)
	}
}

// A store can be closed although the database is gone and nobody knows whether the last transaction was committed.
func TestCloseWithoutADatabase(t *testing.T) {
	server := pgserver.Start(t, "fsync=off")
	through := newProxy(t, server)
	s := place{through.URL(), newPlace(server).schema}.open(t)
	if err := addFact(t.Context(), s, "before"); err != nil {
		t.Fatal(err)
	}
	when := "all"
	through.cut.Store(&when)
	_ = through.Close()
	updated := make(chan error, 1)
	go func() { updated <- addFact(t.Context(), s, "unknown") }()
	eventually(t, "the COMMIT has cut all connections", func() error {
		if through.cut.Load() != nil {
			return errors.New("it has not")
		}
		return nil
	})
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	select {
	case <-closed: // with or without an error
	case <-time.After(20 * time.Second):
		t.Fatal("Close waits for the database")
	}
	if err := <-updated; err == nil {
		t.Error("the update succeeded")
	}
}
