package story

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"dora-exporter/internal/testexporter"
	"dora-exporter/persistence/teststore"
)

// SIGTERM under load: it ends in order, and what was answered with 202 is counted after the next start without being sent
// again. Everything else got another answer or none.
func TestStopUnderLoad(t *testing.T) {
	t.Parallel()
	const perRound = 400
	random := newRandom(t)
	api := newGitHubAPI(t)
	api.addCommit("web", "c0ffee", commit{message: "change", date: newYear})
	e := newExporter(t, api.server.URL)
	defer e.watch()()
	want := newTruth()
	deployment := func(id int) deployed { return deployed{id: 1 + id/5, repo: "web", env: "production", sha: "c0ffee"} }
	id := 0
	for range scaled(4, 50) {
		e.start()
		var events []webhook
		ids := map[string]int{}
		for range perRound {
			id++
			w := deployment(id).status(id, "success", newYear.Add(time.Duration(id)*time.Second))
			ids[w.body] = id
			events = append(events, w)
		}
		stopped := make(chan struct{})
		delay := time.Duration(random.IntN(100)) * time.Millisecond
		go func() {
			time.Sleep(delay)
			e.terminate()
			close(stopped)
		}()
		var mu sync.Mutex
		e.parallel(events, func(w webhook) {
			status, body := e.post(w)
			mu.Lock()
			defer mu.Unlock()
			switch status {
			case 202:
				id := ids[w.body]
				want.status(deployment(id), "Platform", id, "success", newYear.Add(time.Duration(id)*time.Second), newYear)
			case 0, 503:
			default:
				t.Errorf("status %d: %s", status, body)
			}
		})
		<-stopped
	}
	e.start()
	e.becomes(want.numbers)
	e.terminate()
	e.stores(want.numbers)
}

// A second server on the same files, by whatever name or one of them alone, says so and ends; the first one does not notice. With PostgreSQL a
// file is the checkpoint alone.
func TestTwoServers(t *testing.T) {
	t.Parallel()
	e := newExporter(t, "http://127.0.0.1:1")
	config := e.read("config.yml")
	e.start()
	if err := os.Symlink("dora-exporter.db", filepath.Join(e.folder, "link.db")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("dora-exporter.prom", filepath.Join(e.folder, "link.prom")); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(e.address)
	otherPath := "../" + filepath.Base(e.folder) + "/dora-exporter.prom"
	cases := map[string]string{
		"the same":                             "{}",
		"the database alone":                   "{file: {path: other.prom}, database: dora-exporter.db}",
		"the database through a link":          "{file: {path: other.prom}, database: link.db}",
		"the checkpoint alone":                 "{database: other.db}",
		"the checkpoint through a link":        "{file: {path: link.prom}, database: other.db}",
		"both, by a path that is not the same": "{file: {path: " + otherPath + "}}",
	}
	if teststore.InPostgres() { // where only the checkpoint has to itself who has it
		url, schema := teststore.Schema(t, e.database())
		_, otherSchema := teststore.Schema(t, filepath.Join(e.folder, "other.db"))
		storage := func(path, schema string) string {
			return fmt.Sprintf("{file: {path: %s}, database: %q, schema: %s}", path, url, schema)
		}
		cases = map[string]string{
			"the same":                             storage("dora-exporter.prom", schema),
			"the checkpoint alone":                 storage("dora-exporter.prom", otherSchema),
			"the checkpoint through a link":        storage("link.prom", schema),
			"both, by a path that is not the same": storage(otherPath, schema),
		}
	}
	for name, storage := range cases {
		_, another, _ := net.SplitHostPort(testexporter.FreeAddress(t))
		e.write("other.yml", strings.Replace(config, port, another, 1)+"storage: "+storage+"\n")
		status, _, errOut := e.runOnce("-config.file=other.yml")
		if want := fmt.Sprintf("another dora-exporter (process %d) is running", e.process.Process.Pid); status != 1 || !strings.Contains(errOut, want) {
			t.Errorf("%s: status %d, want 1 and the words %q:\n%s", name, status, want, errOut)
		}
	}
	d := deployed{id: 1, repo: "web", env: "production", sha: ""}
	e.mustPost(d.status(1, "queued", newYear))
	e.eventually("the first one counts", func() error {
		n, err := e.scrape()
		if err == nil && n[deploymentSeries("github_deployments_total", "production", "web", "queued", "Platform")] != 1 {
			err = fmt.Errorf("not counted: %v", n)
		}
		return err
	})
}

// SIGTERM while two requests are under way: the one whose body comes gets 202 and is counted, the one whose body doesn't
// gets 503 and not silence.
func TestStopWithHalfOfABody(t *testing.T) {
	t.Parallel() // it waits most of the time
	e := newExporter(t, "http://127.0.0.1:1")
	e.start()
	d := deployed{id: 1, repo: "web", env: "production"}
	type pending struct {
		net.Conn
		answers *bufio.Reader
	}
	answer := func(c pending) *http.Response {
		t.Helper()
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		answer, err := http.ReadResponse(c.answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	half := func(w webhook) (c pending, rest string) {
		t.Helper()
		connection, err := net.Dial("tcp", e.address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = connection.Close() })
		c = pending{connection, bufio.NewReader(connection)}
		head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n", w.path, len(w.body))
		for name, value := range w.header {
			head += name + ": " + value + "\r\n"
		}
		if _, err := fmt.Fprint(c, head+"\r\n"); err != nil {
			t.Fatal(err)
		}
		if a := answer(c); a.StatusCode != http.StatusContinue { // the body is being read
			t.Fatalf("status %d before the body, want 100", a.StatusCode)
		}
		if _, err := fmt.Fprint(c, w.body[:10]); err != nil {
			t.Fatal(err)
		}
		return c, w.body[10:]
	}
	coming, rest := half(d.status(1, "success", newYear))
	missing, _ := half(d.status(2, "success", newYear))
	stopped := make(chan struct{})
	go func() { e.terminate(); close(stopped) }()
	e.eventually("it accepts no connection any more", func() error {
		c, err := net.Dial("tcp", e.address)
		if err != nil {
			return nil //nolint:nilerr // which is what must become of it
		}
		return errors.Join(c.Close(), errors.New("it does"))
	})
	if _, err := fmt.Fprint(coming, rest); err != nil {
		t.Error(err)
	}
	if a := answer(coming); a.StatusCode != http.StatusAccepted {
		t.Errorf("status %d for the body that came, want 202", a.StatusCode)
	}
	if a := answer(missing); a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" {
		t.Errorf("status %d for the body that did not come, want 503 and when to send it again", a.StatusCode)
	}
	<-stopped
	e.start()
	e.becomes(numbers{
		deploymentSeries("github_deployments_total", "production", "web", "success", "Platform"): 1,
		unavailable("production", "no_commit", "web", "success", "Platform"):                     1,
	})
}
