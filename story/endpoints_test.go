package story

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"dora-exporter/internal/testexporter"
)

// raw sends bytes on a connection of its own and returns the first answer; nil when the connection was closed without one.
func raw(t *testing.T, address, request string) *http.Response {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return nil
	}
	return answer
}

// Only what is documented is answered: other methods get 405 with those that there are, other paths 404, nothing is
// redirected, and nothing of the program's inside is served.
func TestEndpoints(t *testing.T) {
	t.Parallel()
	one, two, three := newExporter(t, "http://127.0.0.1:1"), newExporter(t, "http://127.0.0.1:1"), newExporter(t, "http://127.0.0.1:1")
	one.start()
	metrics := testexporter.FreeAddress(t)
	two.write("config.yml", strings.Replace(two.read("config.yml"), "server:\n", "server:\n  metrics_listen: "+metrics+"\n", 1))
	two.start()
	three.write("config.yml", strings.Replace(three.read("config.yml"), "server:\n", "server:\n  page: off\n", 1))
	three.start()
	// What may be done with each path: at one address for all, at the webhooks' and at that of the metrics, without a page.
	addresses := []string{one.address, two.address, metrics, three.address}
	allowed := map[string][4]string{
		"/": {"GET", "", "GET", ""}, "/explain/metric": {"GET", "", "GET", ""},
		"/metrics": {"GET", "", "GET", "GET"}, "/healthz": {"GET", "GET", "GET", "GET"}, "/readyz": {"GET", "GET", "GET", "GET"},
		"/api/github": {"POST", "POST", "", "POST"}, "/api/jira": {"POST", "POST", "", "POST"},
	}
	for _, path := range []string{
		"/api/github/", "/api", "/api/", "/API/GITHUB", "//api/github", "/./metrics", "/metrics/", "/metrics/../metrics", "/%6detrics/", "/metrics%2f", "/index.html", "/explain", "/explain/", "/explain/metric/",
		"/debug/pprof", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline", "/debug/vars", "/debug/requests", "/favicon.ico", "/.env", "/config.yml", "/-/reload", "/-/quit",
	} {
		allowed[path] = [4]string{}
	}
	for path, methods := range allowed {
		for i, address := range addresses {
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "PROPFIND", "get", "BREW"} {
				answer := raw(t, address, fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", method, path))
				if answer == nil {
					t.Errorf("%s %s at address %d: no answer", method, path, i)
					continue
				}
				want := 405
				switch {
				case methods[i] == "":
					want = 404
				case methods[i] == "GET" && (method == "GET" || method == "HEAD"):
					want = 200
				case methods[i] == "POST" && method == "POST":
					want = 415 // taken for a webhook, which it is not
				}
				if answer.StatusCode != want {
					t.Errorf("%s %s at address %d: status %d, want %d", method, path, i, answer.StatusCode, want)
				}
				allow := ""
				if want == 405 {
					allow = map[string]string{"GET": "GET, HEAD", "POST": "POST"}[methods[i]]
				}
				if got := strings.Join(answer.Header.Values("Allow"), ", "); !sameList(got, allow) {
					t.Errorf("%s %s at address %d: Allow is %q, want %q", method, path, i, got, allow)
				}
				if location := answer.Header.Get("Location"); location != "" {
					t.Errorf("%s %s at address %d leads to %s", method, path, i, location)
				}
			}
		}
	}
	for _, address := range addresses {
		for request, want := range map[string]int{
			"OPTIONS * HTTP/1.1\r\nHost: x": 404, "GET * HTTP/1.1\r\nHost: x": 404, "CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: 169.254.169.254:80": 404,
			"GET http://169.254.169.254/latest HTTP/1.1\r\nHost: 169.254.169.254": 404, "GET /healthz HTTP/1.1": 400, "GET /healthz HTTP/9.9\r\nHost: x": 505,
			"GET /healthz HTTP/1.1\r\nHost: x\r\nX-GitHub-Event: a\x1b[31m": 400, "GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 100_000): 431,
			"GET /\x00 HTTP/1.1\r\nHost: x": 400, "POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked": 501,
			"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2": 400,
		} {
			answer := raw(t, address, request+"\r\nConnection: close\r\n\r\n")
			switch {
			case answer == nil:
				t.Errorf("%.60q: no answer", request)
			case answer.StatusCode != want:
				t.Errorf("%.60q: status %d, want %d", request, answer.StatusCode, want)
			}
		}
	}
	for _, e := range []*exporter{one, two, three} {
		if log := e.log.String(); strings.Contains(log, "panic") {
			t.Error("a handler panicked")
		}
	}
}

// sameList says whether two lists in a header have the same items, in whatever order.
func sameList(a, b string) bool {
	items := func(s string) map[string]bool {
		all := map[string]bool{}
		for item := range strings.SplitSeq(s, ",") {
			all[strings.TrimSpace(item)] = true
		}
		return all
	}
	x, y := items(a), items(b)
	for item := range x {
		if !y[item] {
			return false
		}
	}
	return len(x) == len(y)
}
