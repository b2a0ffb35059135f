package story

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Refused requests of any kind leave a bounded number of log lines, whose counts add up to the requests, and each is in the
// metric.
func TestRefusedRequests(t *testing.T) {
	t.Parallel()
	for _, encrypted := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS %v", encrypted), func(t *testing.T) {
			e := newExporter(t, "http://127.0.0.1:1")
			var c http.Client
			scheme, transport := "http://", &http.Transport{MaxIdleConnsPerHost: 8}
			if encrypted {
				scheme, transport.TLSClientConfig = "https://", &tls.Config{RootCAs: e.certificate(1)}
				e.write("web.yml", "tls_server_config:\n  cert_file: tls.crt\n  key_file: tls.key\n")
				e.launch("-web.config.file", "web.yml", "-log", "debug")
			} else {
				e.launch("-log", "debug")
			}
			c.Transport = transport
			e.eventually("it listens", func() error {
				c, err := net.Dial("tcp", e.address)
				if err == nil {
					_ = c.Close()
				}
				return err
			})
			guid := strings.Repeat("\x80", 4000)
			valid := deployed{id: 1, repo: "web", env: "production"}.status(1, "success", newYear)
			kinds := []struct {
				webhook
				status int
				result string
			}{
				{valid.with("X-Hub-Signature-256", ""), 401, "unauthorized"},
				{valid.with("X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64)), 401, "unauthorized"},
				{gitHub("deployment_status", `{"deployment":"`+strings.Repeat("x", 4000)+`"}`), 400, "malformed"},
				{valid.with("Content-Type", "text/"+strings.Repeat("x", 4000)), 415, "unsupported_media_type"},
				{webhook{path: "/" + strings.Repeat("x", 4000)}, 404, ""},
			}
			const senders = 8
			each := scaled(200, 3000)
			began := time.Now()
			var wait sync.WaitGroup
			for range senders {
				wait.Go(func() {
					for i := range each * len(kinds) / senders {
						k := kinds[i%len(kinds)]
						request, err := http.NewRequest(http.MethodPost, scheme+e.address+k.path, strings.NewReader(k.body))
						if err != nil {
							t.Error(err)
							return
						}
						for name, value := range k.with("X-GitHub-Delivery", guid).header {
							request.Header.Set(name, value)
						}
						answer, err := c.Do(request)
						if err != nil {
							t.Error(err)
							return
						}
						_, _ = io.Copy(io.Discard, answer.Body)
						_ = answer.Body.Close()
						if answer.StatusCode != k.status {
							t.Errorf("status %d, want %d", answer.StatusCode, k.status)
						}
					}
					for range scaled(20, 50) { // no HTTP, and no TLS
						if conn, err := net.Dial("tcp", e.address); err == nil {
							_, _ = conn.Write([]byte("\x00garbage\r\n\r\n"))
							_, _ = io.Copy(io.Discard, conn)
							_ = conn.Close()
						}
					}
				})
			}
			wait.Wait()
			answer, err := c.Get(scheme + e.address + "/metrics")
			if err != nil {
				t.Fatal(err)
			}
			metrics, _ := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			c.CloseIdleConnections()
			e.terminate()
			logged := map[string]int{}
			for _, m := range regexp.MustCompile(`msg="webhook refused".* result=(\w+) .* requests=(\d+)\n`).FindAllStringSubmatch(e.log.String(), -1) {
				n, _ := strconv.Atoi(m[2])
				logged[m[1]] += n
			}
			for result, want := range map[string]int{"unauthorized": 2 * each, "malformed": each, "unsupported_media_type": each} {
				if logged[result] != want {
					t.Errorf("%s: the log has %d, want %d", result, logged[result], want)
				}
				if line := fmt.Sprintf("dora_exporter_deliveries_total{event=\"unknown\",result=%q,source=\"github\"} %d\n", result, want); !strings.Contains(string(metrics), line) {
					t.Errorf("/metrics lacks %s", line)
				}
			}
			// Some lines a second, of at most 1 KiB; all of the requests would have several MiB.
			if n, most := len(e.log.String()), 50_000+(3<<10)*int(1+time.Since(began).Seconds()); n > most {
				t.Errorf("the log has %d bytes:\n%.2000s", n, e.log.String())
			}
		})
	}
}

// A server without file descriptors says so once, counts it, and goes on by itself.
func TestNoFileDescriptors(t *testing.T) {
	t.Parallel()
	e := newExporter(t, "http://127.0.0.1:1")
	e.launchUnder("ulimit -n 64")
	e.eventually("it is ready", func() error {
		if status, text := e.get("/readyz"); status != http.StatusOK {
			return fmt.Errorf("status %d: %s", status, text)
		}
		if !strings.Contains(e.log.String(), "msg=ready") { // it still opens files before that
			return errors.New("it is still starting")
		}
		return nil
	})
	client.CloseIdleConnections()
	var conns []net.Conn
	for range 200 {
		c, err := net.Dial("tcp", e.address)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	e.eventually("it is logged", func() error {
		if !strings.Contains(e.log.String(), "accepting connections failed") {
			return fmt.Errorf("it is not")
		}
		return nil
	})
	e.eventually("a webhook is taken although nobody has hung up", func() error {
		if status, text := e.post(deployed{id: 1, repo: "web", env: "production"}.status(1, "success", newYear)); status != http.StatusAccepted {
			return fmt.Errorf("status %d: %s", status, text)
		}
		return nil
	})
	for _, c := range conns {
		_ = c.Close()
	}
	e.eventually("it is over", func() error {
		if !strings.Contains(e.log.String(), "accepting connections works again") {
			return fmt.Errorf("it is not logged")
		}
		return nil
	})
	if m := regexp.MustCompile(`(?m)^dora_exporter_accept_failures_total (\d+)$`).FindStringSubmatch(e.must("/metrics")); m == nil || m[1] == "0" {
		t.Errorf("the metric is %q", m)
	}
	if text := e.log.String(); strings.Count(text, "accepting connections failed") != 1 || strings.Count(text, "accepting connections works again") != 1 {
		t.Error("it is logged more than once")
	}
	e.terminate()
}
