package enrichment

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
)

// lookUpAll asks for commits with 8 workers, as the jobs do: one that failed is asked for again after the others.
func lookUpAll(t *testing.T, g *GitHub, all []dora.Commit, until time.Duration) (found map[string]time.Duration) {
	t.Helper()
	start := time.Now()
	found = map[string]time.Duration{}
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for {
				mu.Lock()
				if len(all) == 0 || time.Since(start) > until {
					mu.Unlock()
					return
				}
				c := all[0]
				all = all[1:]
				mu.Unlock()
				_, err := g.Origin(t.Context(), c)
				mu.Lock()
				if err == nil {
					found[c.Key()] = time.Since(start)
				} else {
					all = append(all, c)
				}
				mu.Unlock()
				if err != nil {
					time.Sleep(time.Second)
				}
			}
		})
	}
	workers.Wait()
	return found
}

func commitsIn(repository string, n int) (all []dora.Commit) {
	for i := range n {
		all = append(all, dora.Commit{Owner: "acme", Repository: repository, SHA: fmt.Sprintf("%s%d", repository, i)})
	}
	return all
}

// theirs answers any look-up.
func theirs(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/pulls") {
		text(200, "[]")(w, r)
		return
	}
	serveJSON(w, 200, aCommit("09:00", "work"))
}

func TestOutage(t *testing.T) {
	tests := []struct {
		name      string
		during    http.HandlerFunc
		calls     int // at most: the 8 that run when it begins and the probes
		recovered time.Duration
	}{
		{"bad gateway", text(502, "<html>"), 8 + 7, 2 * time.Minute},
		{"bad credentials", text(401, "{}"), 8 + 1, 2 * time.Minute},
		{"forbidden", text(403, "{}"), 8 + 1, 2 * time.Minute},
		{"rate limit", text(429, "{}", "Retry-After", "20"), 8 + 3, 82 * time.Second},
		{"hanging", hang, 8 + 4, 2 * time.Minute},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				var mu sync.Mutex
				failed := 0
				g := newInProcess(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					time.Sleep(40 * time.Millisecond)
					since := time.Since(start)
					if since < time.Second || since > time.Minute+500*time.Millisecond {
						theirs(w, r)
						return
					}
					if r.URL.Path != "/rate_limit" { // costs nothing
						mu.Lock()
						failed++
						mu.Unlock()
					}
					test.during(w, r)
				}), Options{})
				found := lookUpAll(t, g, commitsIn("shop", 200), 10*time.Minute)
				if len(found) != 200 {
					t.Errorf("%d of 200 commits found", len(found))
				}
				for commit, after := range found {
					if after > test.recovered+3*time.Second {
						t.Errorf("%s found after %s", commit, after)
					}
				}
				if failed > test.calls {
					t.Errorf("%d calls during the outage, want at most %d", failed, test.calls)
				}
			})
		})
	}
}

func TestForbiddenRepositoryIsNotInTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		var mu sync.Mutex
		g := newInProcess(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(40 * time.Millisecond)
			if strings.HasPrefix(r.URL.Path, "/repos/acme/secret/") {
				mu.Lock()
				asked++
				mu.Unlock()
				text(403, `{"message":"Resource protected by organization SAML enforcement"}`)(w, r)
				return
			}
			theirs(w, r)
		}), Options{})
		found := lookUpAll(t, g, append(commitsIn("secret", 20), commitsIn("shop", 100)...), 10*time.Minute)
		if len(found) != 100 {
			t.Errorf("%d of 100 commits found", len(found))
		}
		for commit, after := range found {
			if after > 3*time.Minute {
				t.Errorf("%s found after %s", commit, after)
			}
		}
		if maxCalls := 8 + 10; asked > maxCalls {
			t.Errorf("%d calls about the forbidden repository in 10 minutes, want at most %d", asked, maxCalls)
		}
	})
}
