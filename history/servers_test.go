package history

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// A server that does not answer is read after the others, however long that takes, and each repository of it once. It does not answer the
// control query, either.
func TestServerThatIsDown(t *testing.T) {
	outage := errors.New("503 Service Unavailable")
	sizes := map[string]size{"a": {100, 100}, "b": {100, 100}}
	for name, test := range map[string]struct {
		fail []error
		want []string
	}{
		"for three calls":   {slices.Repeat([]error{outage}, failuresOfServer+1), []string{"first: a", "first: a", "first: a", "second: a", "second: b", "first: a", "first: b"}},
		"for two calls":     {slices.Repeat([]error{outage}, failuresOfServer-1), []string{"first: a", "first: a", "first: a", "first: b", "second: a", "second: b"}},
		"at the second one": {append([]error{nil}, slices.Repeat([]error{outage}, failuresOfServer+1)...), []string{"first: a", "first: b", "first: b", "first: b", "second: a", "second: b", "first: b"}},
	} {
		t.Run(name, func(t *testing.T) {
			var asked []string
			first := newSizedBackfill(t, &sizedPages{sizes: sizes, fail: test.fail}, "acme/a", "acme/b")
			second := newSizedBackfill(t, &sizedPages{sizes: sizes}, "acme/a", "acme/b")
			first.GitHub = notedPages{first.GitHub.(*sizedPages), "first", &asked}
			second.GitHub = notedPages{second.GitHub.(*sizedPages), "second", &asked}
			made, err := Servers{first, second}.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, asked); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if made.Repositories != 4 || made.Done != 4 || made.Deployments != 4 || len(made.Failed) > 0 {
				t.Errorf("progress is %+v", made)
			}
		})
	}
}

// What could not be read of several servers is named with the host of its server, since each may have a repository of this name.
func TestFailedOfServers(t *testing.T) {
	failed := []string{"acme/web", "acme/*", "acme/web#7", "INC-7", "all owners of github.accounts[1]"}
	read := func(host string) *Backfill { return &Backfill{Host: host, progress: Progress{Failed: failed}} }
	for name, test := range map[string]struct {
		servers Servers
		want    []string
	}{
		"one":          {Servers{read("api.github.com")}, failed},
		"one and Jira": {Servers{read("api.github.com"), {progress: Progress{Failed: []string{"INC-8"}}}}, append(slices.Clone(failed), "INC-8")},
		"two": {Servers{read("api.github.com"), {Host: "ghe.example.com", progress: Progress{Failed: []string{"acme/web"}}}}, []string{
			"github.com/acme/web", "github.com/acme/*", "github.com/acme/web#7", "INC-7", "all owners of github.accounts[1]", "ghe.example.com/acme/web",
		}},
	} {
		if diff := cmp.Diff(test.want, test.servers.with(-1, Progress{}).Failed); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

// notedPages notes the pages that a server is asked for, among those of others.
type notedPages struct {
	*sizedPages

	server string
	asked  *[]string
}

func (g notedPages) Query(ctx context.Context, owner, query string, v map[string]any, data any) error {
	before := len(g.sizedPages.asked)
	err := g.sizedPages.Query(ctx, owner, query, v, data)
	for _, names := range g.sizedPages.asked[before:] {
		*g.asked = append(*g.asked, g.server+": "+names[0])
	}
	return err
}

// Owners that can't be listed at first are read, too.
func TestOwnersThatAreListedLater(t *testing.T) {
	failures := 2
	b := newSizedBackfill(t, nil)
	b.Owners = func(context.Context) ([]string, error) {
		if failures--; failures >= 0 {
			return nil, errors.New("503 Service Unavailable")
		}
		return []string{"acme"}, nil
	}
	b.prepare()
	if err := b.listOwners(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"acme/*"}, b.Repositories); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Jira that does not answer does not keep GitHub, which answers again, from being read.
func TestJiraThatIsDown(t *testing.T) {
	outage := errors.New("503 Service Unavailable")
	pages := &sizedPages{sizes: map[string]size{"a": {100, 100}}, fail: slices.Repeat([]error{outage}, failuresOfServer+1)}
	github, jira := newSizedBackfill(t, pages, "acme/a"), newSizedBackfill(t, nil)
	down := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer down.Close()
	jira.Sources = []string{dora.Jira}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	calls := 0
	jira.Issues = &Jira{BaseURL: down.URL, Client: down.Client(), Logger: jira.Logger, Sleep: func(context.Context, time.Duration) {
		if calls++; calls == 100 {
			cancel()
		}
	}}
	made, err := Servers{github, jira}.Run(ctx)
	if !errors.Is(err, context.Canceled) || made.Deployments != 1 || made.Done != 1 {
		t.Errorf("progress is %+v, %v", made, err)
	}
}

// A repository for which a server always fails, although it answers queries about others, is left out. That holds up neither server.
func TestRepositoryThatIsNeverAnswered(t *testing.T) {
	sizes := map[string]size{"a": {100, 100}, "b": {100, 100}, "c": {100, 100}}
	broken := map[string]error{"b": errors.New("500 Internal Server Error")}
	names := []string{"acme/a", "acme/b", "acme/c"}
	for name, servers := range map[string]int{"one server": 1, "two servers": 2} {
		t.Run(name, func(t *testing.T) {
			var all Servers
			for range servers {
				all = append(all, newSizedBackfill(t, &sizedPages{sizes: sizes, broken: broken}, names...))
			}
			made, err := all.Run(t.Context())
			want := notAnswered(strings.Join(slices.Repeat([]string{"github.com/acme/b"}, servers), ", "))
			if err == nil || err.Error() != want || made.Done != 3*servers || made.Deployments != 2*servers {
				t.Errorf("%+v, %v, want %s", made, err, want)
			}
			if diff := cmp.Diff(slices.Repeat([]string{"acme/b"}, servers), made.Failed); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			for _, b := range all {
				tried := 0
				for _, asked := range b.GitHub.(*sizedPages).asked {
					if asked[0] == "b" {
						tried++
					}
				}
				if tried != 2*failuresToGiveUp+maxRereads*failuresOfReread { // as a small one, by itself, and at the end
					t.Errorf("it was tried %d times", tried)
				}
			}
		})
	}
}
