package integration

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"dora-exporter/integration/pgserver"
	"dora-exporter/internal/testexporter"
)

// replicas are exporters that share a PostgreSQL database, with what was sent to them.
type replicas struct {
	ledger

	all []*exporter
	// stopLoad ends load.
	stopLoad func()
}

// newReplicas prepares replicas; database returns the URL for each of them, otlp is the address of a receiver, or empty.
func newReplicas(t testing.TB, n int, database func(replica int) string, otlp string) *replicas {
	t.Helper()
	r := &replicas{ledger: ledger{answered: map[int]bool{}}, stopLoad: func() {}}
	for i := range n {
		e := &exporter{folder: t.TempDir(), address: testexporter.FreeAddress(t)}
		_, port, _ := net.SplitHostPort(e.address)
		push := ""
		if otlp != "" {
			push = fmt.Sprintf("otlp: {enabled: true, endpoint: %q, interval: 1s}\n", otlp)
		}
		e.setConfig(t, fmt.Sprintf(`server: {host: 127.0.0.1, port: %s}
github: {base_url: "http://127.0.0.1:1/", webhook_secret: %s}
storage: {database: %q}
teams:
  - {name: Platform, github_repositories: [acme/*]}
%s`, port, secret, database(i), push))
		t.Cleanup(func() {
			e.kill()
			if t.Failed() {
				t.Logf("replica %d said:\n%s", i, tail(e.output.String()))
			}
		})
		r.all = append(r.all, e)
	}
	t.Cleanup(func() { r.stopLoad() })
	return r
}

// tail returns the end of a log without the lines about single events.
func tail(log string) string {
	const bytes = 4000
	lines := slices.DeleteFunc(strings.SplitAfter(log, "\n"), func(line string) bool { return strings.Contains(line, " endpoint=github environment=") })
	log = strings.Join(lines, "")
	return log[max(0, len(log)-bytes):]
}

// onServer returns replicas on a server that the test alone uses.
func onServer(t *testing.T, n int) (*replicas, *pgserver.Server) {
	t.Helper()
	server := pgserver.Start(t)
	r := newReplicas(t, n, func(int) string { return server.URL("postgres", "postgres") }, "")
	r.start(t)
	return r, server
}

// start starts all replicas at once.
func (r *replicas) start(t testing.TB) {
	t.Helper()
	for _, e := range r.all {
		e.run(t, binary)
	}
	for _, e := range r.all {
		e.waitUntilReady(t)
	}
}

// client gives up soon, as GitHub does.
var client = &http.Client{Timeout: 10 * time.Second}

// load sends new statuses to all replicas in turn, from six senders, until stopLoad is called. What is not answered is sent again
// to the next replica, until each had it once, as a load balancer does.
func (r *replicas) load() {
	stop := make(chan struct{})
	var senders sync.WaitGroup
	for sender := range 6 {
		senders.Go(func() {
			for turn := sender; ; {
				select {
				case <-stop:
					return
				default:
				}
				r.mu.Lock()
				r.sent++
				id := r.sent
				r.mu.Unlock()
				time.Sleep(100 * time.Millisecond)
				for range r.all {
					turn++
					if r.post(r.all[turn%len(r.all)], id) {
						break
					}
					time.Sleep(10 * time.Millisecond)
				}
			}
		})
	}
	r.stopLoad = func() {
		close(stop)
		senders.Wait()
		r.stopLoad = func() {}
	}
}

// post sends a status to a replica and reports whether it was taken.
func (r *replicas) post(e *exporter, id int) bool { return r.postBy(client, e, id) }

func (r *replicas) postBy(c *http.Client, e *exporter, id int) bool {
	answer, err := c.Do(e.request("deployment_status", status(id, 1+id/50, "success")))
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, answer.Body) // so that the connection is used again
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answered[id] = true
	return true
}

// counts returns how many statuses were sent and answered.
func (r *replicas) counts() (sent, answered int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sent, len(r.answered)
}

// goesOn waits until so many more statuses are answered than now.
func (r *replicas) goesOn(t *testing.T, more int) {
	t.Helper()
	_, before := r.counts()
	eventually(t, "webhooks are answered", func() error {
		if _, now := r.counts(); now < before+more {
			return fmt.Errorf("%d were answered, want %d more than %d", now, more, before)
		}
		return nil
	})
}

// facts returns the families of facts on /metrics of a replica.
func (e *exporter) facts() (string, error) {
	text, err := get("http://" + e.address + "/metrics")
	var kept []string
	for line := range strings.Lines(text) {
		name := strings.TrimPrefix(strings.TrimPrefix(line, "# HELP "), "# TYPE ")
		if strings.HasPrefix(name, "github_") || strings.HasPrefix(name, "jira_") || strings.HasPrefix(name, "dora_") && !strings.HasPrefix(name, "dora_exporter_") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, ""), err
}

// check ends the load and checks that all replicas count what was answered, and after everything was sent again to all of them, each
// status once. Then they have the same metrics.
func (r *replicas) check(t *testing.T) {
	t.Helper()
	r.stopLoad()
	sent, answered := r.counts()
	if answered < 20 {
		t.Errorf("only %d of %d statuses were answered", answered, sent)
	}
	t.Logf("%d of %d statuses were answered", answered, sent)
	for n, e := range r.all {
		eventually(t, fmt.Sprintf("replica %d counts what was answered", n), func() error {
			counted, err := e.counted()
			if err == nil && (counted < answered || counted > sent) {
				err = fmt.Errorf("%d are counted, %d were answered and %d sent", counted, answered, sent)
			}
			return err
		})
	}
	r.sendAgain(t, sent)
	for n, e := range r.all {
		eventually(t, fmt.Sprintf("replica %d counts each once", n), func() error {
			counted, err := e.counted()
			if err == nil && counted != sent {
				err = fmt.Errorf("%d are counted, %d were sent", counted, sent)
			}
			return err
		})
	}
	eventually(t, "all replicas have the same metrics", func() error {
		var texts []string
		for _, e := range r.all {
			text, err := e.facts()
			if err != nil {
				return err
			}
			texts = append(texts, text)
		}
		if len(slices.Compact(texts)) != 1 {
			return fmt.Errorf("the metrics of the replicas differ")
		}
		return nil
	})
}

// sendAgain sends all statuses again, each to one of the replicas.
func (r *replicas) sendAgain(t *testing.T, sent int) {
	t.Helper()
	const senders = 8
	var sending sync.WaitGroup
	for sender := range senders {
		sending.Go(func() {
			for id := 1 + sender; id <= sent; id += senders {
				e := r.all[id%len(r.all)]
				for start := time.Now(); !r.post(e, id); time.Sleep(50 * time.Millisecond) {
					if time.Since(start) > testexporter.Patience {
						t.Errorf("status %d is not taken", id)
						return
					}
				}
			}
		})
	}
	sending.Wait()
}

// terminate stops a replica in order.
func (e *exporter) terminate(t *testing.T) {
	t.Helper()
	if err := e.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := e.process.Wait(); err != nil {
		t.Errorf("a replica did not stop in order: %v", err)
	}
}

// sample returns the value of a series on /metrics, whose name with its labels and a space is given; empty if it is not there.
func (e *exporter) sample(series string) (string, error) {
	text, err := get("http://" + e.address + "/metrics")
	_, after, _ := strings.Cut(text, "\n"+series)
	value, _, _ := strings.Cut(after, "\n")
	return value, err
}
