package story

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Bodies of senders without a right signature take a bounded amount of memory, however many there are and however they are sent,
// and neither webhooks nor health checks nor scrapes wait for them.
func TestAnonymousBodies(t *testing.T) {
	const mib = 1 << 20
	announced := func(size int) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n", size) }
	const chunked = "Transfer-Encoding: chunked\r\n\r\n"
	for name, test := range map[string]struct {
		senders int
		head    string
		// piece is sent again and again until all bytes of it are; never the whole body.
		piece string
		sent  int
	}{
		"1 MiB":         {scaled(400, 2000), announced(mib), strings.Repeat("[", mib-1), mib - 1},
		"chunks":        {scaled(400, 5000), chunked, "8000\r\n" + strings.Repeat("[", 0x8000) + "\r\n", 31 * (0x8000 + 8)},
		"25 MiB":        {scaled(20, 500), announced(25 * mib), strings.Repeat("[", mib), 25*mib - 1},
		"100 bytes":     {scaled(400, 2000), announced(mib), strings.Repeat("[", 100), 100},
		"header fields": {scaled(1000, 2000), strings.Repeat("a:\r\n", 15_000), "a:\r\n", 4},
		"long header":   {2000, "X: " + strings.Repeat("x", 60_000), "x", 1},
	} {
		t.Run(name, func(t *testing.T) {
			e := newExporter(t, "http://127.0.0.1:1")
			e.start()
			before := e.peak()
			flood := e.floodBodies(test.senders, test.head, test.piece, test.sent)
			defer flood.stop()
			begun := time.Now()
			d := deployed{id: 1, repo: "web", env: "production"}
			taken := 0
			for id := 1; id <= 5 || taken == 0 && id < 30; id++ {
				w := d.status(id, "success", newYear)
				w = gitHub("deployment_status", w.body+strings.Repeat(" ", 2*mib))
				status, text := e.post(w)
				if status != http.StatusAccepted && status != http.StatusServiceUnavailable {
					t.Errorf("signed webhook: status %d: %s", status, text)
				}
				if status == http.StatusAccepted {
					taken++
				}
				for _, path := range []string{"/healthz", "/metrics"} {
					if status, text := e.get(path); status != http.StatusOK {
						t.Errorf("%s: status %d: %.200s", path, status, text)
					}
				}
			}
			if taken == 0 {
				t.Error("no signed webhook was taken")
			}
			t.Logf("%d taken in %s, %d of %d connected, %d MiB, and %d before", taken, time.Since(begun), flood.connected.Load(), test.senders, e.peak(), before)
			if peak := e.peak(); peak > before+300 {
				t.Errorf("it took %d MiB, and %d before", peak, before)
			}
		})
	}
}

// bodyFlood is many connections on which something is sent that never ends.
type bodyFlood struct {
	connected atomic.Int32
	// answers counts the answers by status.
	mu      sync.Mutex
	answers map[int]int
	stop    func()
}

// floodBodies begins to send from many connections and returns when most are connected or refused.
func (e *exporter) floodBodies(senders int, head, piece string, sent int) *bodyFlood {
	e.Helper()
	f := &bodyFlood{answers: map[int]int{}}
	stopped := make(chan struct{})
	var all, first sync.WaitGroup
	for range senders {
		first.Add(1)
		all.Go(func() {
			c, err := net.DialTimeout("tcp", e.address, 2*time.Second)
			first.Done()
			if err != nil {
				return
			}
			f.connected.Add(1)
			defer func() { _ = c.Close() }()
			go func() {
				<-stopped
				_ = c.Close()
			}()
			go func() {
				_, err := io.WriteString(c, "POST /api/github HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-Hub-Signature-256: sha256="+
					strings.Repeat("0", 64)+"\r\n"+head)
				for n := 0; err == nil && n < sent; n += len(piece) {
					_, err = io.WriteString(c, piece)
				}
			}()
			if answer, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil {
				f.mu.Lock()
				f.answers[answer.StatusCode]++
				f.mu.Unlock()
				_, _ = io.Copy(io.Discard, answer.Body)
			}
			<-stopped
		})
	}
	first.Wait()
	f.stop = sync.OnceFunc(func() {
		close(stopped)
		all.Wait()
	})
	return f
}
