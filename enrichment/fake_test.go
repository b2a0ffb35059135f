package enrichment

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"dora-exporter/dora"
)

const (
	sha  = "4f3c2b1a00000000000000000000000000000abc"
	home = "acme/shop"
)

var theCommit = dora.Commit{Host: "api.github.com", Owner: "acme", Repository: "shop", SHA: sha}

// object is a JSON object.
type object map[string]any

// fakeGitHub answers from what is in its maps, with pages and Link headers, and writes down what it was asked.
type fakeGitHub struct {
	// lists are answered in pages, objects as they are; the keys are escaped paths.
	lists   map[string][]object
	objects map[string]object
	// intercept may answer itself; it returns false to let the fake go on.
	intercept func(w http.ResponseWriter, r *http.Request) bool

	mu    sync.Mutex
	calls []string
}

func (f *fakeGitHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.calls = append(f.calls, r.URL.EscapedPath())
	f.mu.Unlock()
	if f.intercept != nil && f.intercept(w, r) {
		return
	}
	path := r.URL.EscapedPath()
	if list, ok := f.lists[path]; ok {
		f.servePage(w, r, list)
		return
	}
	if route, ok := f.objects[path]; ok {
		serveJSON(w, http.StatusOK, route)
		return
	}
	if path == "/rate_limit" || strings.Count(path, "/") == 3 { // a repository itself
		serveJSON(w, http.StatusOK, object{})
		return
	}
	serveJSON(w, http.StatusNotFound, object{"message": "Not Found"})
}

func (f *fakeGitHub) servePage(w http.ResponseWriter, r *http.Request, list []object) {
	size, _ := strconv.Atoi(r.FormValue("per_page"))
	if size == 0 {
		size = 30
	}
	page := 1
	if p := r.FormValue("page"); p != "" {
		page, _ = strconv.Atoi(p)
	}
	from, to := min((page-1)*size, len(list)), min(page*size, len(list))
	if to < len(list) {
		next := fmt.Sprintf("http://%s%s?per_page=%d&page=%d", r.Host, r.URL.EscapedPath(), size, page+1)
		w.Header().Set("Link", fmt.Sprintf(`<%s>; rel="next", <%s>; rel="last"`, next, next))
	}
	serveJSON(w, http.StatusOK, append([]object{}, list[from:to]...))
}

func (f *fakeGitHub) asked() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.calls...)
}

func serveJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// inProcess makes exchanges with a handler without a network, so that they can be made in a synctest bubble.
type inProcess struct{ handler http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RequestURI = r.URL.RequestURI()
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, in)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

// anySHA lets a client ask for commits with names that are easier to read than SHAs.
func anySHA(string) bool { return true }

// newServed returns a client of a fake GitHub on a real server.
func newServed(t *testing.T, f http.Handler, o Options) *GitHub {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	o.BaseURL = server.URL
	return newClient(t, o)
}

// newInProcess returns a client of a fake GitHub without a network.
func newInProcess(t *testing.T, f http.Handler, o Options) *GitHub {
	t.Helper()
	g := newClient(t, o)
	g.http.Transport.(*transport).inner = inProcess{f}
	return g
}

func newClient(t *testing.T, o Options) *GitHub {
	t.Helper()
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	g.isSHA = anySHA
	return g
}

func logTo(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == slog.MessageKey && a.Value.String() == "" {
				return slog.Attr{}
			}
			if a.Value.Kind() == slog.KindTime {
				return slog.Time(a.Key, a.Value.Time().UTC())
			}
			return a
		},
	}))
}

// at is a time of 1 January 2026.
func at(t *testing.T, clock string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339, "2026-01-01T"+clock+":00Z")
	if err != nil {
		t.Fatal(err)
	}
	return when
}

func when(clock string) string { return "2026-01-01T" + clock + ":00Z" }

// aCommit was written at one time and committed, by somebody who rebased it, at another.
func aCommit(authored, message string) object {
	return object{"sha": sha, "commit": object{
		"message":   message,
		"author":    object{"name": "A", "date": when(authored)},
		"committer": object{"name": "B", "date": when("23:59")},
	}}
}

// aPull is a pull request of a repository; merged is empty when it is not merged.
func aPull(repository string, number int, state, merged, mergeCommit string) object {
	p := object{
		"number": number, "state": state, "merged_at": nil, "merge_commit_sha": mergeCommit,
		"base": object{"ref": "main", "repo": object{"id": len(repository), "full_name": repository}},
	}
	if merged != "" {
		p["merged_at"] = when(merged)
	}
	return p
}

func repoPath(rest string, args ...any) string {
	return "/repos/" + home + "/" + fmt.Sprintf(rest, args...)
}

var pullsPath = repoPath("commits/%s/pulls", sha)

// withPull is a fake with one squashed pull request, 109, whose first commit was written at 09:00.
func withPull() *fakeGitHub {
	return &fakeGitHub{
		lists: map[string][]object{
			pullsPath:                         {aPull(home, 109, "closed", "12:00", sha)},
			repoPath("pulls/%d/commits", 109): {aCommit("10:00", "two"), aCommit("09:00", "one")},
		},
		objects: map[string]object{repoPath("commits/%s", sha): aCommit("11:00", "Sell more (#109)")},
	}
}

func count(calls []string, part string) (n int) {
	for _, c := range calls {
		if strings.Contains(c, part) {
			n++
		}
	}
	return n
}
