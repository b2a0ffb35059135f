package story

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// dripping is a connection on which a byte is sent every half second. ended is closed when the server has ended it.
type dripping struct {
	net.Conn

	ended chan struct{}
}

// drip opens a connection and sends head at once.
func (e *exporter) drip(head string) dripping {
	e.Helper()
	c, err := net.Dial("tcp", e.address)
	if err != nil {
		e.Error(err)
		return dripping{}
	}
	e.Cleanup(func() { _ = c.Close() })
	if _, err := c.Write([]byte(head)); err != nil {
		e.Error(err)
	}
	go func() {
		for {
			time.Sleep(500 * time.Millisecond)
			if _, err := c.Write([]byte("a")); err != nil {
				return
			}
		}
	}()
	d := dripping{c, make(chan struct{})}
	go func() {
		_, _ = io.Copy(io.Discard, c)
		close(d.ended)
	}()
	return d
}

// Hundreds that send their headers or bodies byte by byte are cut off or cost little, and keep neither a webhook nor a scrape
// waiting. A unit test shows that bodies are cut off, too, with a clock of its own.
func TestSlowSenders(t *testing.T) {
	t.Parallel() // it waits for the time limits
	e := newExporter(t, "http://127.0.0.1:1")
	e.start()
	before := e.goroutines()
	const each = 250
	headers, bodies := make([]dripping, each), make([]dripping, each)
	var connecting sync.WaitGroup // at once: the bodies are cut off after 30 s, on a slow machine the first headers before the last is there
	for i := range each {
		connecting.Go(func() { headers[i] = e.drip("POST /api/github HTTP/1.1\r\nHost: x\r\nX-Slow: ") })
		length := "Content-Length: 100000"
		if i%2 == 0 {
			length = "Transfer-Encoding: chunked"
		}
		head := "POST /api/github HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + length + "\r\n\r\nfffffff\r\n"
		connecting.Go(func() { bodies[i] = e.drip(head) })
	}
	connecting.Wait()
	if t.Failed() {
		return
	}
	e.eventually("hundreds are connected", func() error {
		if n := e.goroutines(); n < before+each {
			return fmt.Errorf("%d goroutines, and %d before", n, before)
		}
		return nil
	})
	d := deployed{id: 1, repo: "web", env: "production"}
	for id := 1; id <= 20; id++ {
		e.mustPost(d.status(id, "success", newYear))
	}
	e.becomes(numbers{
		deploymentSeries("github_deployments_total", "production", "web", "success", "Platform"): 20,
		unavailable("production", "no_commit", "web", "success", "Platform"):                     20,
	})
	deadline := time.After(30 * time.Second) // ReadHeaderTimeout is 10 s
	for i, h := range headers {
		select {
		case <-h.ended:
		case <-deadline:
			t.Fatalf("sender %d of a slow header is still connected", i)
		}
	}
	e.eventually("their goroutines end", func() error {
		if n := e.goroutines(); n > before+2*each+50 { // two at most for each body
			return fmt.Errorf("%d goroutines, and %d before", n, before)
		}
		return nil
	})
	if peak := e.peak(); peak > 250 {
		t.Errorf("it took %d MiB", peak)
	}
	for _, b := range bodies {
		_ = b.Close()
	}
	e.eventually("all goroutines end", func() error {
		if n := e.goroutines(); n > before+50 {
			return fmt.Errorf("%d goroutines, and %d before", n, before)
		}
		return nil
	})
	e.terminate()
}

// goroutines is how many the exporter has.
func (e *exporter) goroutines() int {
	e.Helper()
	_, text := e.get("/metrics")
	n := 0
	for line := range strings.Lines(text) {
		if _, err := fmt.Sscanf(line, "go_goroutines %d", &n); err == nil {
			return n
		}
	}
	e.Fatal("/metrics has no go_goroutines")
	return 0
}
