package story

import (
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dora-exporter/internal/testexporter"
)

// manyCommits returns n deployments of as many commits, with what they count at once and in the end.
func manyCommits(api *gitHubAPI, team string, n int) (events []webhook, counted numbers, want *truth) {
	want = newTruth()
	for id := 1; id <= n; id++ {
		sha := fmt.Sprintf("c0ffee%02d", id)
		api.addCommit("web", sha, commit{message: "change", date: newYear})
		d := deployed{id: id, repo: "web", env: "production", sha: sha}
		at := newYear.Add(time.Duration(id) * time.Hour)
		events = append(events, d.status(id, "success", at))
		want.status(d, team, id, "success", at, newYear)
	}
	return events, numbers{deploymentSeries("github_deployments_total", "production", "web", "success", team): float64(n)}, want
}

// The GitHub API fails in some way for a while. The counts are there meanwhile, nothing is made up, every duration is there
// in the end, and GitHub is not stormed with calls.
func TestGitHubOutage(t *testing.T) {
	t.Parallel()
	faults := apiFaults()
	for _, name := range slowestFirst(faults) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fault, n := faults[name], 30
			if name == endless {
				n = endlessAnswers
			}
			api := newGitHubAPI(t)
			e := newExporter(t, api.server.URL)
			e.start()
			events, counted, want := manyCommits(api, "Platform", n)
			api.setFault(fault)
			began := time.Now()
			e.postAll(events)
			e.becomes(counted)
			e.remains("during the outage", 2*time.Second, func() error {
				if calls, limit := api.called(), callsInOutage(name, time.Since(began)); calls > limit {
					return fmt.Errorf("%d calls, want %d at most", calls, limit)
				}
				return nil
			})
			e.becomes(counted)
			before := api.called()
			api.setFault(nil)
			if (name == "401" || name == "403") && !*torture {
				return // GitHub is asked again after a minute
			}
			e.becomes(want.numbers)
			if calls := api.called() - before; calls > 2*n+24 {
				t.Errorf("%d calls after the outage for %d commits", calls, n)
			}
		})
	}
}

// endlessAnswers is the number of look-ups that get an answer without end: each reads 32 MiB of it.
const endlessAnswers = 10

// callsInOutage is how many calls 30 look-ups may make in the time that an outage has lasted. Look-ups and probes wait 1 s, 2 s,
// 4 s and so on between two calls.
func callsInOutage(fault string, d time.Duration) int {
	attempts := 1 + int(math.Log2(1+d.Seconds()))
	switch fault {
	case endless: // one that is too large fails its own look-up and does not stop the others
		return endlessAnswers * attempts
	case "redirect loop": // each is ten calls
		return 10 * (20 + 2*attempts)
	case "a list with nothing in it": // a good answer to the first call of a look-up, which makes the second; a good answer to a probe lets sixteen others call, too
		return 2*30 + 17*attempts
	default: // sixteen calls are under way when it begins; then there is one probe at a time
		return 34 + 2*attempts
	}
}

// Nobody listens at the API's address for a while.
func TestGitHubIsNotThere(t *testing.T) {
	t.Parallel()
	api := newGitHubAPI(t)
	address := testexporter.FreeAddress(t)
	e := newExporter(t, "http://"+address)
	e.start()
	events, counted, want := manyCommits(api, "Platform", 30)
	e.postAll(events)
	e.becomes(counted)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: api}}
	server.Start()
	defer server.Close()
	e.becomes(want.numbers)
}

// GitHub does not know the commits, which it will soon: they are asked for again after a minute, not at once, and nothing is
// counted as unavailable before the fourth answer.
func TestGitHubDoesNotKnowYet(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]http.HandlerFunc{
		"404": reply(404, `{"message":"Not Found"}`), "422": reply(422, `{"message":"No commit found for SHA: c0ffee"}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := newGitHubAPI(t)
			e := newExporter(t, api.server.URL)
			e.start()
			events, counted, want := manyCommits(api, "Platform", 30)
			api.setFault(func(w http.ResponseWriter, r *http.Request) {
				if strings.Count(r.URL.Path, "/") == 3 { // the repository is there
					answer(w, r, true, object{})
					return
				}
				fault(w, r)
			})
			e.postAll(events)
			e.becomes(counted)
			e.eventually("each is asked for", func() error {
				if calls := api.called(); calls < 30 {
					return fmt.Errorf("%d calls", calls)
				}
				return nil
			})
			e.remains("no commit is asked for again", 2*time.Second, func() error {
				if calls := api.called(); calls > 60 {
					return fmt.Errorf("%d calls for 30 commits", calls)
				}
				return nil
			})
			e.becomes(counted)
			api.setFault(nil)
			if *torture {
				e.becomes(want.numbers)
			}
		})
	}
}

// Backstage fails in some way for a while. Nothing is counted under a wrong team meanwhile, everything in the end, and
// Backstage is not stormed with calls.
func TestBackstageOutage(t *testing.T) {
	t.Parallel()
	faults := apiFaults()
	for _, name := range slowestFirst(faults) {
		if strings.HasPrefix(name, "a list with nothing") { // an answer: nobody owns it
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fault := faults[name]
			var failing atomic.Bool
			var calls atomic.Int64
			backstage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				if failing.Load() {
					fault(w, r)
					return
				}
				_, _ = fmt.Fprint(w, `[{"kind":"Component","metadata":{"name":"web"},"spec":{"owner":"shop"}}]`)
			}))
			t.Cleanup(backstage.CloseClientConnections) // those that hang, too
			api := newGitHubAPI(t)
			e := newExporter(t, api.server.URL)
			config, _, _ := strings.Cut(e.read("config.yml"), "teams:")
			e.write("config.yml", config+fmt.Sprintf("catalog: {mode: backstage, endpoint: %s}\n", backstage.URL))
			e.start()
			events, _, want := manyCommits(api, "shop", 30)
			failing.Store(true)
			e.postAll(events)
			e.remains("during the outage", 2*time.Second, func() error {
				if n := calls.Load(); n > 10 && (name != "redirect loop" || n > 100) {
					return fmt.Errorf("%d calls", n)
				}
				if n, err := e.scrape(); err != nil || len(n.nonZero()) > 0 {
					return fmt.Errorf("something is counted: %v, %w", n, err)
				}
				return nil
			})
			failing.Store(false)
			e.becomes(want.numbers)
		})
	}
}
