package catalog

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

const (
	canary   = "canary-token"
	platform = `[{"kind":"Component","spec":{"owner":"platform"}}]`
)

// server stands in for the network: it answers each request with a status and a body, or an error.
type server struct {
	calls  atomic.Int32
	answer func(*http.Request) (int, string, error)
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	s.calls.Add(1)
	status, body, err := s.answer(r)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r, ProtoMajor: 1, ProtoMinor: 1,
	}, nil
}

type bench struct {
	*Backstage
	server
	log     bytes.Buffer
	mu      sync.Mutex
	results map[string]int
}

func newBench(t *testing.T, answer func(*http.Request) (int, string, error)) *bench {
	t.Helper()
	b := &bench{results: map[string]int{}}
	b.answer = answer
	var err error
	b.Backstage, err = NewBackstage(Options{
		Endpoint: "https://backstage.example.com/base/", Token: canary, TTL: 10 * time.Minute,
		Logger: slog.New(slog.NewTextHandler(&b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		OnLookup: func(result string) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.results[result]++
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.http.Transport = &b.server
	return b
}

func replies(status int, body string) func(*http.Request) (int, string, error) {
	return func(*http.Request) (int, string, error) { return status, body, nil }
}

func (b *bench) want(t *testing.T, want string) {
	t.Helper()
	if got, err := b.RepositoryTeam(t.Context(), "api.github.com", "acme", "web"); err != nil || got != want {
		t.Errorf("team %q, %v; want %s", got, err, want)
	}
}

func TestRequest(t *testing.T) {
	component, err := os.ReadFile("testdata/component.json")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	backstage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Method+" "+r.URL.Path+" "+r.URL.Query().Get("filter")+" "+r.Header.Get("Authorization"))
		_, _ = w.Write(component)
	}))
	defer backstage.Close()
	for _, endpoint := range []string{backstage.URL, backstage.URL + "/", backstage.URL + "/base/path", backstage.URL + "/base/path/"} {
		b, err := NewBackstage(Options{Endpoint: endpoint, Token: canary, TTL: time.Hour, Logger: slog.New(slog.DiscardHandler), OnLookup: func(string) {}})
		if err != nil {
			t.Fatal(err)
		}
		if team, err := b.RepositoryTeam(t.Context(), "api.github.com", "acme", "web"); err != nil || team != "platform" {
			t.Errorf("%s: %s, %v", endpoint, team, err)
		}
		if team, err := b.ProjectTeam(t.Context(), "WEB"); err != nil || team != "platform" {
			t.Errorf("%s: %s, %v", endpoint, team, err)
		}
	}
	const repository, project, listing = "metadata.annotations.github.com/project-slug=acme/web", "metadata.annotations.jira/project-key=WEB",
		"metadata.annotations.backstage.io/source-location"
	var want []string
	for _, base := range []string{"", "", "/base/path", "/base/path"} {
		for _, filter := range []string{repository, project, listing} {
			want = append(want, "GET "+base+"/api/catalog/entities "+filter+" Bearer "+canary)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestOwner(t *testing.T) {
	for name, test := range map[string]struct{ body, want string }{
		"spec":                {`[{"kind":"Component","metadata":{"name":"a"},"spec":{"owner":"platform"}}]`, "platform"},
		"spec, reference":     {`[{"kind":"Component","metadata":{"name":"a"},"spec":{"owner":"group:default/platform"}}]`, "platform"},
		"spec, namespace":     {`[{"kind":"Component","metadata":{"name":"a"},"spec":{"owner":"acme/platform"}}]`, "acme/platform"},
		"a user":              {`[{"spec":{"owner":"user:default/jo"}}]`, "jo"},
		"relation before":     {`[{"spec":{"owner":"old"},"relations":[{"type":"ownerOf","targetRef":"x"},{"type":"ownedBy","targetRef":"group:default/new"}]}]`, "new"},
		"relation to nothing": {`[{"spec":{"owner":"platform"},"relations":[{"type":"ownedBy","targetRef":""}]}]`, "platform"},
		"relation of before":  {`[{"spec":{"owner":"old"},"relations":[{"type":"ownedBy","target":{"kind":"group","namespace":"acme","name":"new"}}]}]`, "acme/new"},
		"odd relation":        {`[{"spec":{"owner":"platform"},"relations":[{"type":"ownedBy","target":"group:new"}]}]`, "platform"},
		"nobody":              {`[]`, dora.Unknown},
		"one without owner":   {`[{"metadata":{"name":"a"},"spec":{}}]`, dora.Unknown},
		"null fields":         {`[{"metadata":{"name":"web"},"spec":null,"relations":null}]`, dora.Unknown},
		"first by reference":  {`[{"kind":"Component","metadata":{"name":"b"},"spec":{"owner":"B"}},{"kind":"Component","metadata":{"name":"a"},"spec":{"owner":"A"}}]`, "A"},
		"component first":     {`[{"kind":"Component","metadata":{"name":"z"},"spec":{"owner":"C"}},{"kind":"API","metadata":{"name":"a"},"spec":{"owner":"A"}}]`, "C"},
		"kind goes first":     {`[{"kind":"Template","metadata":{"name":"a"},"spec":{"owner":"C"}},{"kind":"API","metadata":{"name":"z"},"spec":{"owner":"A"}}]`, "A"},
		"ownerless left out":  {`[{"kind":"API","metadata":{"name":"a"}},{"kind":"Component","metadata":{"name":"b"},"spec":{"owner":"B"}}]`, "B"},
		"namespace goes next": {`[{"kind":"C","metadata":{"name":"a","namespace":"z"},"spec":{"owner":"Z"}},{"kind":"C","metadata":{"name":"b"},"spec":{"owner":"D"}}]`, "D"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, replies(200, test.body))
			b.want(t, test.want)
			two := strings.Count(test.body, "owner\":\"") > 1 && !strings.Contains(test.body, "ownedBy")
			if logged := strings.Contains(b.log.String(), "different owners"); logged != two {
				t.Errorf("log: %s", b.log.String())
			}
		})
	}
}

func TestCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, body := range []string{platform, `[]`} {
			b := newBench(t, replies(200, body))
			want, calls := "platform", int32(1)
			if body == `[]` {
				want, calls = dora.Unknown, 2 // the second for the entities that no exact filter finds
			}
			b.want(t, want)
			time.Sleep(9 * time.Minute)
			b.want(t, want)
			if n := b.calls.Load(); n != calls {
				t.Errorf("%s: %d calls within the TTL, want %d", body, n, calls)
			}
			time.Sleep(2 * time.Minute)
			b.want(t, want)
			if n := b.calls.Load(); n != 2*calls {
				t.Errorf("%s: %d calls after the TTL, want %d", body, n, 2*calls)
			}
		}
	})
}

func TestOutage(t *testing.T) {
	for name, outage := range map[string]func(*http.Request) (int, string, error){
		"no connection": func(*http.Request) (int, string, error) { return 0, "", errors.New("connection refused") },
		"500":           replies(500, "oops"),
		"401":           replies(401, `{"error":{"name":"AuthenticationError"}}`),
		"404":           replies(404, `{"error":{"name":"NotFoundError"}}`),
		"HTML":          replies(200, "<html>Sign in</html>"),
		"null":          replies(200, "null"),
		"truncated":     replies(200, `[{"kind":"Comp`),
		"403":           replies(403, `{"error":{"name":"NotAllowedError"}}`),
		"a list, 404":   replies(404, `[]`),
		"an object":     replies(200, `{"items":[]}`),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var down atomic.Bool
				b := newBench(t, func(r *http.Request) (int, string, error) {
					if down.Load() {
						return outage(r)
					}
					return 200, platform, nil
				})
				b.want(t, "platform")
				down.Store(true)
				time.Sleep(24 * time.Hour)
				b.want(t, "platform") // stale, however old
				if _, err := b.RepositoryTeam(t.Context(), "api.github.com", "acme", "new"); err == nil {
					t.Error("an outage is not an answer")
				}
				// One look-up a second for an hour: a probe after 1, 2, 4 … 60 s.
				before := b.calls.Load()
				for range 3600 {
					time.Sleep(time.Second)
					if _, err := b.RepositoryTeam(t.Context(), "api.github.com", "acme", "new"); err == nil {
						t.Error("an outage is not an answer")
					}
				}
				if n := b.calls.Load() - before; n < 50 || n > 90 {
					t.Errorf("%d calls in an hour, want 50 to 90", n)
				}
				down.Store(false)
				time.Sleep(time.Minute)
				if team, err := b.RepositoryTeam(t.Context(), "api.github.com", "acme", "new"); err != nil || team != "platform" {
					t.Errorf("after the outage: %s, %v", team, err)
				}
				if n := strings.Count(b.log.String(), "\n"); n != 2 {
					t.Errorf("%d log lines, want one for the outage and one for its end:\n%s", n, b.log.String())
				}
				if strings.Contains(b.log.String(), canary) {
					t.Error("the token is in the log")
				}
			})
		})
	}
}

func TestCallsThatFailTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		down.Store(true)
		b := newBench(t, func(*http.Request) (int, string, error) {
			time.Sleep(time.Second)
			if down.Load() {
				return 500, "", nil
			}
			return 200, `[]`, nil
		})
		var wait sync.WaitGroup
		for i := range 8 {
			wait.Go(func() { _, _ = b.RepositoryTeam(t.Context(), "api.github.com", "acme", string(rune('a'+i))) })
		}
		wait.Wait()
		down.Store(false)
		time.Sleep(time.Second) // the first backoff, not the eighth
		b.want(t, dora.Unknown)
	})
}

func TestOneCallForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(*http.Request) (int, string, error) {
			time.Sleep(5 * time.Second)
			return 200, platform, nil
		})
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go func() {
			start := time.Now()
			if _, err := b.RepositoryTeam(impatient, "api.github.com", "acme", "web"); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > time.Second {
				t.Errorf("the impatient one got %v after %v", err, time.Since(start))
			}
		}()
		synctest.Wait() // it is the one who makes the call
		var wait sync.WaitGroup
		for range 10 {
			wait.Go(func() { b.want(t, "platform") })
		}
		wait.Wait()
		if n := b.calls.Load(); n != 1 {
			t.Errorf("%d calls, want 1", n)
		}
	})
}

func TestTheTokenStaysWithItsHost(t *testing.T) {
	var leaked atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request) { leaked.Store(true) }))
	defer elsewhere.Close()
	b := newBench(t, nil)
	b.http.Transport = http.DefaultTransport
	backstage := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusFound))
	defer backstage.Close()
	b.options.Endpoint = backstage.URL
	if _, err := b.RepositoryTeam(t.Context(), "api.github.com", "acme", "web"); err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("error %v", err)
	}
	if leaked.Load() {
		t.Error("the redirect was followed to another host")
	}
}

// Neither another condition, nor an address that a server refuses, which would be taken for an outage.
func TestAnEvilNameIsNoCall(t *testing.T) {
	b := newBench(t, replies(200, `[{"spec":{"owner":"platform"}}]`))
	for _, name := range []string{"X,kind=component", strings.Repeat("X", maxName+1), "X\x00", "X\r\n"} {
		if team, err := b.ProjectTeam(t.Context(), name); err != nil || team != dora.Unknown || b.calls.Load() != 0 {
			t.Errorf("%.20q: %s, %v, %d calls", name, team, err, b.calls.Load())
		}
	}
}
