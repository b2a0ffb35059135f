package story

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"dora-exporter/persistence/teststore"
)

// raw returns the request as it is sent over a connection.
func (e *exporter) raw(w webhook) string {
	e.Helper()
	request, err := e.request(e.Context(), w)
	if err != nil {
		e.Fatal(err)
	}
	var b strings.Builder
	if err := request.Write(&b); err != nil {
		e.Fatal(err)
	}
	return b.String()
}

// metric returns the value of a series without labels.
func (e *exporter) metric(name string) (float64, error) {
	status, text := e.get("/metrics")
	for line := range strings.Lines(text) {
		if value, found := strings.CutPrefix(line, name+" "); found {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("status %d, no %s", status, name)
}

// fromHereOn checks that n statuses of a repository are accepted and counted, and that /metrics and /readyz answer.
func (e *exporter) fromHereOn(repo string, n int) {
	e.Helper()
	for i := range n {
		d := deployed{id: 900_000 + i, repo: repo, env: "production"}
		e.mustPost(d.status(900_000+i, "success", newYear))
	}
	e.counts(repo, n)
	if status, body := e.get("/readyz"); status != http.StatusOK {
		e.Errorf("/readyz: status %d: %s", status, body)
	}
}

// counts waits until the successes of a repository in production are n.
func (e *exporter) counts(repo string, n int) {
	e.Helper()
	series := deploymentSeries("github_deployments_total", "production", repo, "success", "Platform")
	e.eventually(fmt.Sprintf("%d of %s are counted", n, repo), func() error {
		got, err := e.scrape()
		if err == nil && got[series] != float64(n) {
			err = fmt.Errorf("%v are counted", got[series])
		}
		return err
	})
}

// Senders reset the connection as soon as they have sent a valid request.
func TestSendersThatReset(t *testing.T) {
	t.Parallel()
	e := newExporter(t, "http://127.0.0.1:1")
	e.start()
	text := e.raw(deployed{id: 1, repo: "web", env: "production"}.status(1, "success", newYear))
	for range 3 {
		var senders sync.WaitGroup
		var connected sync.WaitGroup
		connected.Add(1000)
		for range 1000 {
			senders.Go(func() {
				c, err := net.Dial("tcp", e.address)
				connected.Done()
				if err != nil {
					t.Error(err)
					return
				}
				connected.Wait() // so that all arrive together
				_, _ = c.Write([]byte(text))
				_ = c.(*net.TCPConn).SetLinger(0)
				_ = c.Close()
			})
		}
		senders.Wait()
	}
	e.mustPost(deployed{id: 1, repo: "web", env: "production"}.status(1, "success", newYear))
	e.counts("web", 1)
	e.fromHereOn("app", 50)
}

// Another process holds the lock for writing while 600 senders give up and some wait for their answer.
func TestLockedByAnotherProcess(t *testing.T) {
	t.Parallel()
	e := newExporter(t, "http://127.0.0.1:1")
	e.start()
	release := e.lock()
	impatient, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	status := func(id int) webhook {
		return deployed{id: id, repo: "web", env: "production"}.status(id, "success", newYear)
	}
	var senders sync.WaitGroup
	for id := 1; id <= 600; id++ {
		request, err := e.request(impatient, status(id))
		if err != nil {
			t.Fatal(err)
		}
		senders.Go(func() {
			if answer, err := client.Do(request); err == nil {
				_ = answer.Body.Close()
			}
		})
	}
	e.eventually("they wait", func() error {
		n, err := e.metric("dora_exporter_store_waiting_writes")
		if err == nil && n < 500 {
			err = fmt.Errorf("%v wait", n)
		}
		return err
	})
	giveUp()
	senders.Wait()
	for id := 601; id <= 620; id++ {
		senders.Go(func() { // it is answered although the lock is held until after the wait
			if code, text := e.post(status(id)); code != http.StatusServiceUnavailable {
				t.Errorf("a webhook: status %d: %s", code, text)
			}
		})
	}
	senders.Wait()
	e.eventually("it is not ready", func() error {
		if code, text := e.get("/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(text, "could not commit") {
			return fmt.Errorf("/readyz: status %d: %s", code, text)
		}
		return nil
	})
	stalls := "committing to the store"
	if teststore.InPostgres() { // which stores them beside what else is written
		stalls = "storing deliveries"
	}
	e.eventually("the log says so", func() error {
		if !strings.Contains(e.log.String(), stalls+" stalled, refusing") {
			return errors.New("it does not")
		}
		return nil
	})
	if stalled, err := e.metric("dora_exporter_store_stalled_seconds"); stalled < 10 || err != nil {
		t.Errorf("stalled for %v s, %v", stalled, err)
	}
	release()
	e.eventually("it is ready again by itself", func() error {
		if code, text := e.get("/readyz"); code != http.StatusOK {
			return fmt.Errorf("/readyz: status %d: %s", code, text)
		}
		return nil
	})
	var all []webhook
	for id := 1; id <= 620; id++ {
		all = append(all, status(id))
	}
	e.postAll(all) // each counts once, whether it was written before or not
	e.counts("web", 620)
	e.fromHereOn("app", 50)
	e.eventually("the log has each line once", func() error {
		for _, line := range []string{stalls + " stalled", stalls + " works again"} {
			if n := strings.Count(e.log.String(), line); n != 1 {
				return fmt.Errorf("%d lines say %q", n, line)
			}
		}
		return nil
	})
}

// A sender closes its sending side after the request and waits for the answer, which the store does not have yet.
func TestSenderThatHalfCloses(t *testing.T) {
	t.Parallel()
	e := newExporter(t, "http://127.0.0.1:1")
	e.start()
	release := e.lock()
	c, err := net.Dial("tcp", e.address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, err = c.Write([]byte(e.raw(deployed{id: 1, repo: "web", env: "production"}.status(1, "success", newYear))))
	if err := errors.Join(err, c.(*net.TCPConn).CloseWrite()); err != nil {
		t.Fatal(err)
	}
	e.eventually("it waits", func() error {
		n, err := e.metric("dora_exporter_store_waiting_writes")
		if err == nil && n == 0 {
			err = errors.New("nothing waits")
		}
		return err
	})
	release()
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		t.Errorf("status %d", answer.StatusCode)
	}
	e.counts("web", 1)
}
