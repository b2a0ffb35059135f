package story

import (
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// Hundreds that ask for metrics and pages and never read the answer take the memory of some copies of it at most, in whatever
// form they ask for it, and keep nobody waiting.
func TestUnreadScrapes(t *testing.T) {
	e := newExporter(t, "http://127.0.0.1:1")
	var b strings.Builder
	b.WriteString("# HELP github_deployments_total The amount of successful deployments.\n# TYPE github_deployments_total counter\n")
	const series = 10_000
	for n := range series {
		fmt.Fprintf(&b, "github_deployments_total{environment=\"production-%d\",repo=\"a-repository-with-a-long-name-%d\",status=\"success\",team=\"Platform\"} %d\n", n%7, n, n)
	}
	e.write("dora-exporter.prom", b.String())
	e.write("config.yml", e.read("config.yml")+"metrics:\n  max_series: 100000\n")
	e.start()
	for range 3 {
		if status, text := e.get("/metrics"); status != http.StatusOK || strings.Count(text, "\ngithub_deployments_total{") != series {
			t.Fatalf("/metrics: status %d, %d bytes", status, len(text))
		}
	}
	size := len(e.must("/metrics")) >> 20
	before := e.peak()
	const clients = 300
	for i := range clients {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", e.address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if err := c.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
			t.Fatal(err)
		}
		request := []string{
			"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
			"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n",
			"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited\r\n\r\n",
			fmt.Sprintf("GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: text/plain;version=0.0.%d;escaping=dots;x=%d\r\n\r\n", i, i),
			"GET /metrics?name[]=github_deployments_total HTTP/1.1\r\nHost: x\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		}[i%6]
		if _, err := c.Write([]byte(request)); err != nil {
			t.Fatal(err)
		}
		if i%30 == 0 { // values change in between
			e.mustPost(deployed{id: i + 1, repo: "web", env: "production"}.status(i+1, "success", newYear))
		}
	}
	e.mustPost(deployed{id: 1000, repo: "last", env: "production"}.status(1000, "success", newYear))
	e.eventually("a scrape has what is new", func() error {
		if status, text := e.get("/metrics"); status != http.StatusOK || !strings.Contains(text, `repo="last"`) {
			return fmt.Errorf("status %d, %d bytes", status, len(text))
		}
		return nil
	})
	t.Logf("%d MiB, and %d before; the text has %d MiB", e.peak(), before, size)
	if peak := e.peak(); peak > before+150 { // all of them are 300 MiB
		t.Errorf("it took %d MiB, and %d before: the text has %d MiB", peak, before, size)
	}
}

func (e *exporter) must(path string) string {
	e.Helper()
	status, text := e.get(path)
	if status != http.StatusOK {
		e.Fatalf("%s: status %d: %.300s", filepath.Base(path), status, text)
	}
	return text
}
