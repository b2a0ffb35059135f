package catalog

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
)

func TestRecordedAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		file, want string
		warnings   int
	}{
		"one component":                        {"component.json", "platform", 0},
		"several, the first by reference wins": {"several.json", "platform", 1},
	} {
		t.Run(name, func(t *testing.T) {
			body, err := os.ReadFile("testdata/" + test.file)
			if err != nil {
				t.Fatal(err)
			}
			b := newBench(t, replies(200, string(body)))
			b.want(t, test.want)
			if n := strings.Count(b.log.String(), "level=WARN"); n != test.warnings {
				t.Errorf("%d warnings, want %d:\n%s", n, test.warnings, b.log.String())
			}
		})
	}
}

func TestOneWarningForAllOtherOwners(t *testing.T) {
	b := newBench(t, replies(200, `[
		{"kind":"Component","metadata":{"name":"a"},"spec":{"owner":"A"}},
		{"kind":"Component","metadata":{"name":"b"},"spec":{"owner":"B"}},
		{"kind":"Component","metadata":{"name":"c"},"spec":{"owner":"C"}},
		{"kind":"Component","metadata":{"name":"d"},"spec":{"owner":"B"}}]`))
	if team, err := b.ProjectTeam(t.Context(), "WEB"); err != nil || team != "A" {
		t.Errorf("%s, %v", team, err)
	}
	if log := b.log.String(); strings.Count(log, "\n") != 1 || !strings.Contains(log, `project=WEB entity=component:default/a team=A other_teams="[B C]"`) {
		t.Errorf("log:\n%s", log)
	}
}

func TestAnOwnerOfAnotherTypeIsNoOutage(t *testing.T) {
	for name, body := range map[string]string{
		"a list":   `[{"kind":"Custom","spec":{"owner":["a","b"]}}]`,
		"a number": `[{"kind":"Custom","spec":{"owner":7}}]`,
		"an empty": `[{"kind":"Custom","spec":{"owner":"group:default/"}}]`,
	} {
		t.Run(name, func(t *testing.T) {
			newBench(t, replies(200, body)).want(t, dora.Unknown)
		})
	}
}

// One odd entity makes no other unknown, and what can be read of it counts.
func TestOddMembersOfAnEntity(t *testing.T) {
	const relation = `"relations":[{"type":"ownedBy","targetRef":"group:default/platform"}]`
	for name, entity := range map[string]string{
		"kind":             `{"kind":7,"metadata":{"name":"a"}}`,
		"metadata":         `{"kind":"Component","metadata":"a"}`,
		"no metadata":      `{"kind":"API"}`,
		"name":             `{"kind":"API","metadata":{"name":5}}`,
		"annotations":      `{"kind":"API","metadata":{"name":"a","annotations":["a"]}}`,
		"spec":             `{"kind":"API","metadata":{"name":"a"},"spec":"a"}`,
		"relations":        `{"kind":"API","metadata":{"name":"a"},"relations":{"type":"ownedBy"}}`,
		"target":           `{"kind":"API","metadata":{"name":"a"},"relations":[{"type":"ownedBy","targetRef":{"name":"a"}},null,"a"]}`,
		"readable besides": `{"kind":"Component","metadata":{"name":5},` + relation + `}`,
		"of the same kind": `{"kind":"Component","metadata":{"name":"z","annotations":7},"spec":{"owner":" platform "}}`,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, replies(200, `[`+entity+`,{"kind":"Component","metadata":{"name":"web"},`+relation+`}]`))
			b.want(t, "platform")
			if b.log.Len() > 0 {
				t.Errorf("log:\n%s", b.log.String())
			}
		})
	}
	for name, body := range map[string]string{"an object": `{"items":[]}`, "a text": `"a"`, "entities of texts": `["a"]`} {
		if team, err := newBench(t, replies(200, body)).RepositoryTeam(t.Context(), "api.github.com", "acme", "web"); err == nil {
			t.Errorf("%s: team %s", name, team)
		}
	}
}

func TestLookupsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(*http.Request) (int, string, error) {
			time.Sleep(time.Second)
			return 200, platform, nil
		})
		var wait sync.WaitGroup
		for range 10 {
			wait.Go(func() { b.want(t, "platform") })
		}
		wait.Wait()
		b.want(t, "platform")
		if b.calls.Load() != 1 || b.results["found"] != 10 || b.results["cached"] != 1 {
			t.Errorf("%d calls, %v; want 1 call, 10 found, 1 cached", b.calls.Load(), b.results)
		}
	})
}

func TestCancelledCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(r *http.Request) (int, string, error) {
			select {
			case <-r.Context().Done():
				return 0, "", r.Context().Err()
			case <-time.After(3 * time.Second):
				return 200, platform, nil
			}
		})
		ctx, cancel := context.WithCancel(t.Context())
		var wait sync.WaitGroup
		wait.Go(func() {
			if _, err := b.RepositoryTeam(ctx, "api.github.com", "acme", "web"); err == nil {
				t.Error("the cancelled one got an answer")
			}
		})
		synctest.Wait()
		wait.Go(func() { b.want(t, "platform") })
		synctest.Wait()
		cancel()
		wait.Wait()
	})
}

func TestAServerThatStopsInTheMiddle(t *testing.T) {
	release := make(chan struct{})
	backstage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`[{"kind":"Component",`))
		_ = http.NewResponseController(w).Flush()
		<-release
	}))
	defer backstage.Close()
	defer close(release)
	b := newBench(t, nil)
	b.options.Endpoint, b.http.Transport, b.http.Timeout = backstage.URL, http.DefaultTransport, 50*time.Millisecond
	if team, err := b.RepositoryTeam(t.Context(), "api.github.com", "acme", "web"); err == nil {
		t.Errorf("team %s of half an answer", team)
	}
}

func TestRedirects(t *testing.T) {
	for name, test := range map[string]struct {
		endpoint, location string
		calls              int32
		followed           bool
	}{
		"same host":             {"https://backstage.example.com", "https://backstage.example.com/v2", 2, true},
		"to https":              {"http://backstage.example.com", "https://backstage.example.com/v2", 2, true},
		"another host":          {"https://backstage.example.com", "https://login.example.com/", 1, false},
		"another port":          {"https://backstage.example.com", "https://backstage.example.com:8443/", 1, false},
		"away from https":       {"https://backstage.example.com", "http://backstage.example.com/v2", 1, false},
		"a subdomain is no one": {"https://example.com", "https://backstage.example.com/", 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			b.options.Endpoint = test.endpoint
			b.http.Transport = roundTrip(func(r *http.Request) *http.Response {
				if b.calls.Add(1) == 1 {
					return &http.Response{StatusCode: http.StatusFound, Header: http.Header{"Location": {test.location}}, Body: http.NoBody, Request: r}
				}
				if r.Header.Get("Authorization") != "Bearer "+canary {
					t.Errorf("%s without the token", r.URL)
				}
				response := httptest.NewRecorder()
				response.WriteString(platform)
				return response.Result()
			})
			_, err := b.RepositoryTeam(t.Context(), "api.github.com", "acme", "web")
			if (err == nil) != test.followed || b.calls.Load() != test.calls {
				t.Errorf("%v after %d calls", err, b.calls.Load())
			}
		})
	}
}

type roundTrip func(*http.Request) *http.Response

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

func TestATokenThatIsNoHeaderIsInNoError(t *testing.T) {
	b := newBench(t, nil)
	b.options.Token, b.http.Transport = canary+"\n", http.DefaultTransport
	_, err := b.RepositoryTeam(t.Context(), "api.github.com", "acme", "web")
	if err == nil || strings.Contains(err.Error()+b.log.String(), canary) {
		t.Errorf("error %v, log %s", err, b.log.String())
	}
}

func TestABadEndpoint(t *testing.T) {
	for _, endpoint := range []string{"", "backstage", "/base", "http://user:" + canary + "@%zz"} {
		if _, err := NewBackstage(Options{Endpoint: endpoint}); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
}
