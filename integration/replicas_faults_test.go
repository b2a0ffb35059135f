package integration

import (
	"fmt"
	"net"
	"sync"
	"testing"
	"time"
)

// The database may be restarted or crash: what was answered is there afterwards, and replicas go on by themselves.
func TestReplicasDatabaseRestarts(t *testing.T) {
	t.Parallel()
	r, server := onServer(t, 3)
	r.load()
	stop := r.scrape(t)
	for _, end := range []func(){server.Stop, server.Kill, server.Kill} {
		r.goesOn(t, 30)
		end()
		time.Sleep(2 * time.Second)
		server.Boot()
	}
	stop()
	r.goesOn(t, 30)
	r.check(t)
}

// A replica that the network cuts off from the database refuses webhooks, while the others go on.
func TestReplicaCutOff(t *testing.T) {
	t.Parallel()
	_, server := onServer(t, 0)
	link := newLink(t, fmt.Sprintf("127.0.0.1:%d", server.Port))
	r := newReplicas(t, 3, func(replica int) string {
		if replica > 0 {
			return server.URL("postgres", "postgres")
		}
		return fmt.Sprintf("postgres://postgres@%s/postgres?sslmode=disable", link.address)
	}, "")
	r.start(t)
	r.load()
	for range 2 {
		r.goesOn(t, 30)
		link.set(false)
		eventually(t, "the replica that is cut off says so", func() error {
			if _, err := get("http://" + r.all[0].address + "/readyz"); err == nil {
				return fmt.Errorf("it is ready")
			}
			return nil
		})
		r.goesOn(t, 60)
		link.set(true)
		r.all[0].waitUntilReady(t)
	}
	r.goesOn(t, 30)
	r.check(t)
}

// link forwards connections to an address, unless it is cut: then nothing goes through any more, and nobody is told.
type link struct {
	address string

	mu   sync.Mutex
	open chan struct{} // closed while the link is open
}

func newLink(t *testing.T, to string) *link {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{address: listener.Addr().String(), open: make(chan struct{})}
	close(l.open)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			go l.forward(from, to)
		}
	}()
	return l
}

func (l *link) set(open bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if open {
		close(l.open)
		return
	}
	l.open = make(chan struct{})
}

// wait waits until the link is open.
func (l *link) wait() {
	l.mu.Lock()
	open := l.open
	l.mu.Unlock()
	<-open
}

func (l *link) forward(from net.Conn, address string) {
	l.wait()
	to, err := net.Dial("tcp", address)
	if err != nil {
		_ = from.Close()
		return
	}
	copyOver := func(to, from net.Conn) {
		defer func() { _, _ = to.Close(), from.Close() }()
		data := make([]byte, 64<<10)
		for {
			n, err := from.Read(data)
			l.wait()
			if n > 0 {
				if _, err := to.Write(data[:n]); err != nil {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}
	go copyOver(to, from)
	copyOver(from, to)
}

// Scrapes that move from one replica to the next never see a counter go back, and a scrape has what an earlier one had.
func TestScrapesOfReplicas(t *testing.T) {
	t.Parallel()
	r, _ := onServer(t, 3)
	r.load()
	newest, scrapes := map[string]float64{}, 0
	for start := time.Now(); time.Since(start) < 15*time.Second; scrapes++ {
		values, err := r.all[scrapes%3].counters()
		if err != nil {
			t.Fatal(err)
		}
		r.compareScrapes(t, scrapes, newest, values)
		newest = values
	}
	t.Logf("%d scrapes of %d series", scrapes, len(newest))
	if len(newest) == 0 {
		t.Error("nothing was counted meanwhile")
	}
	r.check(t)
}
