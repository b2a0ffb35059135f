package enrichment

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
)

// What fails by itself, be it a single URL or all of a repository, is not in the way of the others, and is not asked more often
// than its retries say.
func TestWhatFailsByItselfIsNotInTheWay(t *testing.T) {
	tests := []struct {
		name string
		bad  func(path string) bool
		// failing are commits that are never found, others are found.
		failing, others []dora.Commit
		calls           int // about the failing ones within 10 minutes, at most
	}{
		{
			name:    "a URL",
			bad:     func(path string) bool { return strings.Contains(path, "/commits/shop0/") },
			failing: commitsIn("shop", 1), others: append(commitsIn("shop", 50)[1:], commitsIn("web", 50)...),
			calls: 602, // the test asks once a second
		},
		{
			name:    "a repository",
			bad:     func(path string) bool { return strings.HasPrefix(path, "/repos/acme/broken/") },
			failing: commitsIn("broken", 20), others: append(commitsIn("shop", 50), commitsIn("web", 50)...),
			calls: 8 + 6 + 13, // those that run when it begins, the probes of the first minute, then at least one in 48 s
		},
		{
			name: "three repositories",
			bad: func(path string) bool {
				return strings.HasPrefix(path, "/repos/acme/broken")
			},
			failing: append(append(commitsIn("broken-a", 10), commitsIn("broken-b", 10)...), commitsIn("broken-c", 10)...),
			others:  append(commitsIn("shop", 50), commitsIn("web", 50)...),
			calls:   3 * (8 + 6 + 13),
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked, pauses atomic.Int32
				var log bytes.Buffer
				g := newInProcess(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					time.Sleep(40 * time.Millisecond)
					if test.bad(r.URL.Path) {
						asked.Add(1)
						text(500, "{}")(w, r)
						return
					}
					theirs(w, r)
				}), Options{Logger: logTo(&log), OnPause: func(reason string) {
					if reason != "" {
						pauses.Add(1)
					}
				}})
				// A call has worked before, as in any process that has run for a while.
				if _, err := g.Origin(t.Context(), dora.Commit{Owner: "acme", Repository: "web", SHA: "before"}); err != nil {
					t.Fatal(err)
				}
				if _, err := g.Origin(t.Context(), dora.Commit{Owner: "acme", Repository: "shop", SHA: "before"}); err != nil {
					t.Fatal(err)
				}
				var both sync.WaitGroup
				both.Go(func() { lookUpAll(t, g, test.failing, 10*time.Minute) })
				found := lookUpAll(t, g, test.others, 10*time.Minute)
				both.Wait()
				for _, c := range test.others {
					if after, suspect := found[c.Key()]; !suspect || after > 3*time.Second {
						t.Errorf("%s found after %s", c.Key(), after)
					}
				}
				if n := int(asked.Load()); n > test.calls || n == 0 {
					t.Errorf("%d calls that fail in 10 minutes, want at most %d", n, test.calls)
				}
				if n := strings.Count(log.String(), "level=WARN"); n > 3 {
					t.Errorf("%d warnings:\n%s", n, log.String())
				}
			})
		})
	}
}

// An outage is recognised whatever the calls are about, and costs few of them.
func TestOutageOverManyRepositories(t *testing.T) {
	for _, repositories := range []int{1, 2, 3, 50} {
		t.Run(fmt.Sprint(repositories), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				var during atomic.Int32
				g := newInProcess(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					time.Sleep(40 * time.Millisecond)
					if since := time.Since(start); since > time.Minute {
						theirs(w, r)
						return
					}
					during.Add(1)
					text(503, "")(w, r)
				}), Options{})
				var all []dora.Commit
				for i := range 200 {
					all = append(all, commitsIn(fmt.Sprintf("repo%d-", i%repositories), 1+i/repositories)[i/repositories])
				}
				found := lookUpAll(t, g, all, 10*time.Minute)
				if len(found) != 200 {
					t.Errorf("%d of 200 commits found", len(found))
				}
				for commit, after := range found {
					if after > 2*time.Minute+5*time.Second {
						t.Errorf("%s found after %s", commit, after)
					}
				}
				if maxCalls := int32(8 + 3*7); during.Load() > maxCalls {
					t.Errorf("%d calls during the outage, want at most %d", during.Load(), maxCalls)
				}
			})
		})
	}
}

// What is known to fail by itself is no sign of an outage, however long nothing else is asked; what has not failed before is.
func TestGateTellsAnOutageFromBrokenParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := quietGate()
		fail := func(repository, url string) {
			t.Helper()
			p, err := g.wait(t.Context(), waiter{repository: repository, route: routeCommit, url: url})
			if err != nil {
				t.Fatal(err)
			}
			g.report(p, outcome{kind: failed, err: errDown})
		}
		for _, repository := range []string{"a/a", "b/b", "c/c"} {
			g.report(enterNow(t, g, repository), outcome{kind: answered})
		}
		for _, repository := range []string{"a/a", "b/b", "c/c"} {
			fail(repository, "bad url of "+repository)
		}
		if g.closedReason != "failing" {
			t.Fatalf("shut %q, want failing: three repositories failed", g.closedReason)
		}
		start := time.Now()
		good, err := g.wait(t.Context(), waiter{repository: "d/d", route: routeCommit, url: "good url"})
		if err != nil || time.Since(start) > time.Second {
			t.Fatalf("error %v after %s, want the probe after a second", err, time.Since(start))
		}
		g.report(good, outcome{kind: answered})
		for range 20 {
			for _, repository := range []string{"a/a", "b/b", "c/c"} {
				fail(repository, "bad url of "+repository)
			}
		}
		if g.closedReason != "" {
			t.Errorf("shut %q, want open: these have failed before while others worked", g.closedReason)
		}
		for _, repository := range []string{"d/d", "e/e", "f/f"} {
			fail(repository, "url of "+repository)
		}
		if g.closedReason != "failing" {
			t.Errorf("shut %q, want failing", g.closedReason)
		}
	})
}

// When the gate is closed, who makes the probe is one whose call has not failed before.
func TestGateProbesWithWhatHasNotFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := quietGate()
		almostDown(t, g)
		g.report(enterNow(t, g, "a/a"), outcome{kind: failed, err: errDown})
		got := make(chan string, 2)
		for _, repository := range []string{"a/a", "b/b"} {
			go func() {
				p, err := g.wait(t.Context(), waiter{repository: repository, route: routeCommit, url: newURL()})
				if err != nil {
					t.Error(err)
				}
				got <- repository
				g.report(p, outcome{kind: answered})
			}()
			synctest.Wait()
		}
		if first := <-got; first != "b/b" {
			t.Errorf("the probe is about %s, want b/b", first)
		}
		<-got
	})
}

// A repository whose calls are paused is probed by one call at a time, and the others are told at once.
func TestPausedRepositoryIsProbedByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		g := newGate(logTo(&log), func(bool) {}, func(string) {}, func(int) {})
		g.report(enterNow(t, g, "g/good"), outcome{kind: answered})
		almostDown(t, g)
		g.report(enterNow(t, g, "g/good"), outcome{kind: answered})
		g.report(enterNow(t, g, "a/a"), outcome{kind: failed, err: errDown})
		for range 2 {
			almost := []string{"1", "2"}
			for _, url := range almost {
				if p, err := g.wait(t.Context(), waiter{repository: "a/a", route: routeCommit, url: "url " + url}); err == nil {
					g.report(p, outcome{kind: failed, err: errDown})
				}
			}
		}
		if s := g.states["a/a"]; s == nil || !s.paused {
			t.Fatalf("state %+v, want paused", s)
		}
		if _, err := g.wait(t.Context(), waiter{repository: "a/a", route: routeCommit, url: newURL()}); err == nil || !strings.Contains(err.Error(), "calls for repository a/a are paused since they failed, next try at 2000-01-01T00:00:01Z") {
			t.Errorf("error %v", err)
		}
		time.Sleep(time.Second)
		probe, err := g.wait(t.Context(), waiter{repository: "a/a", route: routeCommit, url: newURL()})
		if err != nil || !probe.repositoryProbe {
			t.Fatalf("pass %+v, error %v; want the probe", probe, err)
		}
		if _, err := g.wait(t.Context(), waiter{repository: "a/a", route: routeCommit, url: newURL()}); err == nil {
			t.Error("a second call is made during the probe")
		}
		g.report(probe, outcome{kind: abandoned})
		probe = enterNow(t, g, "a/a")
		g.report(probe, outcome{kind: failed, err: errDown})
		if _, err := g.wait(t.Context(), waiter{repository: "a/a", route: routeCommit, url: newURL()}); err == nil {
			t.Error("a call is made at once after a probe that failed")
		}
		time.Sleep(2 * time.Second)
		g.report(enterNow(t, g, "a/a"), outcome{kind: answered})
		enterNow(t, g, "a/a")
		enterNow(t, g, "a/a")
		want := `level=WARN msg="calls for a repository failed, pausing calls for it" repository=a/a until=2000-01-01T00:00:01.000Z error=down
level=INFO msg="resuming calls for a repository" repository=a/a
`
		if log.String() != want {
			t.Errorf("log:\n%swant:\n%s", log.String(), want)
		}
	})
}
