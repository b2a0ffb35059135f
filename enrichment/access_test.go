package enrichment

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// hiddenRepositories is a GitHub that answers 404 for all that is in repositories whose names begin with a prefix, until a time.
type hiddenRepositories struct {
	prefix string
	until  time.Time
	calls  map[string]int // by repository
}

func (h *hiddenRepositories) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(r.URL.Path, "/")
	if len(parts) > 3 && strings.HasPrefix(strings.ToLower(parts[3]), h.prefix) && time.Now().Before(h.until) {
		h.calls[parts[3]]++
		text(404, `{"message":"Not Found"}`)(w, r)
		return
	}
	if len(parts) == 4 {
		text(200, "{}")(w, r)
		return
	}
	theirs(w, r)
}

// askUntil asks for commits as the pipeline does, one after another, each again when its error says so.
func askUntil(t *testing.T, g *GitHub, end time.Time, all ...dora.Commit) (found map[string]time.Duration) {
	t.Helper()
	start, due := time.Now(), map[string]time.Time{}
	found = map[string]time.Duration{}
	for next := start; next.Before(end); {
		time.Sleep(time.Until(next))
		next = end
		for _, c := range all {
			key := c.Key()
			if _, done := found[key]; done {
				continue
			}
			if time.Now().Before(due[key]) {
				next = earlier(next, due[key])
				continue
			}
			_, err := g.Origin(t.Context(), c)
			if err == nil {
				found[key] = time.Since(start)
				continue
			}
			i := new(dora.InaccessibleError)
			if !errors.As(err, &i) {
				t.Fatalf("%s: %v, want an InaccessibleError", key, err)
			}
			if missing := new(dora.NotFoundError); errors.As(err, &missing) {
				t.Fatalf("%s: %v counts as a miss", key, err)
			}
			due[key] = time.Now().Add(min(max(i.RetryIn, time.Second), time.Minute))
			next = earlier(next, due[key])
		}
	}
	return found
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// A repository that the token may not see is asked for once a minute at first and once an hour later, and all that waits for it is
// found when access comes.
func TestRepositoryWithoutAccess(t *testing.T) {
	for _, test := range []struct {
		after time.Duration
		calls int           // until then: one about a commit, then those about the repository
		found time.Duration // at the latest
	}{
		{90 * time.Second, 1 + 2, 2*time.Minute + 2*time.Second},
		{9*time.Minute + 30*time.Second, 1 + 10, 10*time.Minute + 2*time.Second},
		{11 * time.Minute, 1 + 11, 12*time.Minute + 2*time.Second},
		{time.Hour, 1 + 15, 73 * time.Minute},
		{24 * time.Hour, 1 + 38, 25*time.Hour + time.Minute},
	} {
		t.Run(test.after.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				var counted []int
				start := time.Now()
				h := &hiddenRepositories{prefix: "secret", until: start.Add(test.after), calls: map[string]int{}}
				g := newInProcess(t, h, Options{Logger: logTo(&log), OnInaccessible: func(n int) {
					if len(counted) == 0 || counted[len(counted)-1] != n {
						counted = append(counted, n)
					}
				}})
				all := append(commitsIn("secret", 5), commitsIn("shop", 5)...)
				found := askUntil(t, g, start.Add(test.found), all...)
				if len(found) != len(all) {
					t.Errorf("%d of %d commits found after %s", len(found), len(all), test.found)
				}
				if h.calls["secret"] != test.calls {
					t.Errorf("%d calls, want %d", h.calls["secret"], test.calls)
				}
				if diff := cmp.Diff([]int{1, 0}, counted); diff != "" {
					t.Errorf("inaccessible repositories (-want +got):\n%s", diff)
				}
				if n := strings.Count(log.String(), "level=ERROR"); n != 1 || !strings.Contains(log.String(), "repository=acme/secret") ||
					!strings.Contains(log.String(), "give the token read access to its contents, pull requests and metadata") {
					t.Errorf("%d lines, want one with the repository and the permission:\n%s", n, log.String())
				}
			})
		})
	}
}

// Hundreds of deleted repositories leave most of the 5,000 calls an hour to the others.
func TestManyRepositoriesWithoutAccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		h := &hiddenRepositories{prefix: "gone", until: start.Add(100 * time.Hour), calls: map[string]int{}}
		g := newInProcess(t, h, Options{})
		var all []dora.Commit
		for i := range 200 {
			all = append(all, dora.Commit{Owner: "acme", Repository: fmt.Sprint("gone", i), SHA: "a"})
		}
		askUntil(t, g, start.Add(time.Hour), all...)
		calls := 0
		for _, n := range h.calls {
			calls += n
		}
		if calls > 2*len(all)+1200 || calls < 2*len(all)+1000 {
			t.Errorf("%d calls in the first hour, want two for each repository and about 1200", calls)
		}
	})
}

// A commit that is gone from a repository that is there is not found, and costs one call more in half a minute.
func TestCommitWithoutAccessIsNoMiss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeGitHub{}
		g := newInProcess(t, f, Options{})
		for range 3 {
			for _, c := range commitsIn("shop", 4) {
				_, err := g.Origin(t.Context(), c)
				if missing := new(dora.NotFoundError); !errors.As(err, &missing) || missing.Reason != dora.ReasonNotFound {
					t.Fatalf("error %v, want a NotFoundError", err)
				}
			}
		}
		if n := count(f.asked(), "") - count(f.asked(), "/commits/"); n != 1 {
			t.Errorf("%d calls about the repository, want 1", n)
		}
		time.Sleep(accessCached)
		_, _ = g.Origin(t.Context(), theCommit)
		if n := count(f.asked(), "") - count(f.asked(), "/commits/"); n != 2 {
			t.Errorf("%d calls about the repository after half a minute, want 2", n)
		}
	})
}

// While GitHub can't tell whether the repository is there, a commit is not taken for missing.
func TestRepositoryFailsToAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeGitHub{}
		f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/repos/"+home {
				text(500, "")(w, r)
				return true
			}
			return false
		}
		g := newInProcess(t, f, Options{})
		_, err := g.Origin(t.Context(), theCommit)
		if u := new(dora.UnansweredError); !errors.As(err, &u) {
			t.Errorf("error %v, want an UnansweredError", err)
		}
	})
}

// With 403 for one repository, its work waits in the same way.
func TestForbiddenRepositoryIsInaccessible(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, calls := time.Now(), 0
		var counted int
		g := newInProcess(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/repos/acme/sso/") && time.Since(start) < 3*time.Hour {
				calls++
				text(403, `{"message":"Resource protected by organization SAML enforcement"}`)(w, r)
				return
			}
			theirs(w, r)
		}), Options{OnInaccessible: func(n int) { counted = n }})
		blocked := dora.Commit{Owner: "acme", Repository: "sso", SHA: "a"}
		_, _ = g.Origin(t.Context(), blocked) // may be the token's fault
		if _, err := g.Origin(t.Context(), commitsIn("shop", 1)[0]); err != nil {
			t.Fatal(err)
		}
		_, _ = g.Origin(t.Context(), blocked)
		found := askUntil(t, g, start.Add(2*time.Hour+time.Minute), blocked)
		if len(found) != 0 || counted != 1 || calls > 20 {
			t.Errorf("found %v, %d inaccessible, %d calls in two hours; want none, 1 and at most 20", found, counted, calls)
		}
		found = askUntil(t, g, start.Add(5*time.Hour), blocked)
		if len(found) != 1 || counted != 0 {
			t.Errorf("found %v, %d inaccessible; want it to be found", found, counted)
		}
	})
}

// After a restart the number is right at once, and one call tells of each repository whether it still is.
func TestInaccessibleOverRestarts(t *testing.T) {
	for _, test := range []struct {
		name  string
		until time.Duration
		want  []int
		calls int
	}{
		{"no access yet", time.Hour, []int{2}, 2},
		{"access came while it was stopped", 0, []int{2, 1, 0}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var counted []int
				var log bytes.Buffer
				h := &hiddenRepositories{prefix: "secret", until: time.Now().Add(test.until), calls: map[string]int{}}
				g := newInProcess(t, h, Options{Logger: logTo(&log), Inaccessible: []string{"acme/secret1", "acme/secret2"}, OnInaccessible: func(n int) {
					if len(counted) == 0 || counted[len(counted)-1] != n {
						counted = append(counted, n)
					}
				}})
				if n := counted[len(counted)-1]; n != 2 {
					t.Errorf("%d inaccessible repositories after the start, want 2", n)
				}
				counted = counted[1:]
				for _, repository := range []string{"Secret1", "secret2", "shop"} {
					for _, c := range commitsIn(repository, 3) {
						_, err := g.Origin(t.Context(), c)
						i := new(dora.InaccessibleError)
						if errors.As(err, &i) != (test.until > 0 && repository != "shop") || err != nil && i.Err == nil {
							t.Errorf("%s: %v", c.Key(), err)
						}
					}
				}
				if diff := cmp.Diff(test.want, counted); diff != "" {
					t.Errorf("inaccessible repositories (-want +got):\n%s", diff)
				}
				calls := 0
				for _, n := range h.calls {
					calls += n
				}
				if calls != test.calls || strings.Count(log.String(), "level=ERROR") != test.calls {
					t.Errorf("%d calls that were refused, want %d and a line for each:\n%s", calls, test.calls, log.String())
				}
			})
		})
	}
}
