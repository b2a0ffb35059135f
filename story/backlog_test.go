package story

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/persistence/teststore"
)

// fill stores pending deliveries, as an exporter that was killed before it processed them has left them.
func (e *exporter) fill(n int) *truth {
	e.Helper()
	store := teststore.Open(e.T, e.database())
	want := newTruth()
	var accepting sync.WaitGroup
	ids := make(chan int)
	for range 64 {
		accepting.Go(func() {
			for id := range ids {
				s := &dora.Status{ID: int64(id), State: "success", CreatedAt: newYear.Add(time.Duration(id) * time.Second), Deployment: dora.Deployment{
					Host: "api.github.com", ID: int64(id), Owner: "acme", Repository: "web", Environment: "production", SHA: "c0ffee", CreatedAt: newYear,
				}}
				d := dora.Delivery{Source: dora.GitHub, Key: fmt.Sprint("status/", id), Received: newYear, Event: dora.Event{Status: s}}
				if _, err := store.Accept(e.Context(), d); err != nil {
					e.Error(err)
				}
			}
		})
	}
	for id := 1; id <= n; id++ {
		want.status(deployed{repo: "web", env: "production"}, "Platform", id, "success", newYear.Add(time.Duration(id)*time.Second), newYear)
		ids <- id
	}
	close(ids)
	accepting.Wait()
	if err := store.Close(); err != nil {
		e.Fatal(err)
	}
	return want
}

// peak is the most memory that the process has had so far, in MiB.
func (e *exporter) peak() int {
	e.Helper()
	peak, ok := e.peakIfRunning()
	if !ok {
		e.Fatal("the exporter does not run")
	}
	return peak
}

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peakIfRunning is peak; ok is false once the process has ended.
func (e *exporter) peakIfRunning() (mib int, ok bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", e.process.Process.Pid))
	if err != nil {
		return 0, false
	}
	m := highWater.FindSubmatch(text)
	if m == nil { // it is a zombie
		return 0, false
	}
	kib, err := strconv.Atoi(string(m[1]))
	return kib / 1024, err == nil
}

// Deliveries that were left pending are worked off after the start, the process answers meanwhile, and its memory does not
// grow with their number.
func TestPendingDeliveriesAtTheStart(t *testing.T) {
	t.Parallel()
	most := 0
	for _, n := range []int{scaled(300, 20_000), scaled(3000, 100_000)} {
		api := newGitHubAPI(t)
		api.addCommit("web", "c0ffee", commit{message: "change", date: newYear})
		e := newExporter(t, api.server.URL)
		want := e.fill(n)
		e.launch()
		healthy := 0
		total := deploymentSeries("github_deployments_total", "production", "web", "success", "Platform")
		for counted := 0.0; counted < float64(n); {
			e.eventually("more are counted", func() error {
				if status, _ := e.get("/healthz"); status == 200 {
					healthy++
				} else if healthy > 0 {
					t.Errorf("/healthz: status %d", status)
				}
				got, err := e.scrape()
				switch {
				case err != nil:
					return err
				case got[total] <= counted:
					return fmt.Errorf("still %v of %d", counted, n)
				}
				counted = got[total]
				return nil
			})
		}
		e.becomes(want.numbers)
		peak := e.peak()
		t.Logf("%d deliveries: %d MiB at most, /healthz answered %d times", n, peak, healthy)
		if most > 0 && peak > most+40 {
			t.Errorf("%d MiB with %d deliveries, %d MiB with fewer", peak, n, most)
		}
		most = peak
		e.terminate()
		e.stores(want.numbers)
	}
}

// When as many deliveries as storage.max_backlog wait, here for their team from Backstage, which is down, the next ones are
// refused, /readyz says why, those that are there get their 202 again, and it goes on by itself.
func TestFullBacklog(t *testing.T) {
	t.Parallel() // it waits most of the time
	api := newGitHubAPI(t)
	api.addCommit("web", "c0ffee", commit{message: "change", date: newYear})
	backstage := newGitHubAPI(t) // for its faults
	backstage.setFault(refuse)
	e := newExporter(t, api.server.URL)
	e.write("config.yml", e.read("config.yml")+"catalog: {mode: backstage, endpoint: "+backstage.server.URL+"}\nstorage: {max_backlog: 10}\n")
	e.start()
	d := deployed{id: 1, repo: "web", env: "production", sha: "c0ffee"}
	want := newTruth()
	event := func(id int) webhook { return d.status(id, "success", newYear.Add(time.Duration(id)*time.Minute)) }
	for id := 1; id <= 10; id++ {
		e.mustPost(event(id))
		want.status(d, "Platform", id, "success", newYear.Add(time.Duration(id)*time.Minute), newYear)
	}
	if status, body := e.post(event(11)); status != 503 {
		t.Errorf("the eleventh: status %d, want 503: %s", status, body)
	}
	e.mustPost(event(10))
	if status, body := e.get("/readyz"); status != 503 || !regexp.MustCompile("storage.max_backlog").MatchString(body) {
		t.Errorf("/readyz: status %d: %s", status, body)
	}
	if status, _ := e.get("/metrics"); status != 200 {
		t.Errorf("/metrics: status %d", status)
	}
	backstage.setFault(reply(200, "[]")) // the team of the file owns the repository
	e.becomes(want.numbers)
	e.mustPost(event(11))
	want.status(d, "Platform", 11, "success", newYear.Add(11*time.Minute), newYear)
	e.becomes(want.numbers)
}
