package history

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A server that does not answer is read after the others, however long that takes, and each repository of it once.
func TestServerThatIsDown(t *testing.T) {
	outage := errors.New("503 Service Unavailable")
	sizes := map[string]size{"a": {100, 100}, "b": {100, 100}}
	for name, test := range map[string]struct {
		fail []error
		want []string
	}{
		"for three calls":   {slices.Repeat([]error{outage}, failuresOfServer), []string{"first: a", "first: a", "first: a", "second: a", "second: b", "first: a", "first: b"}},
		"for two calls":     {slices.Repeat([]error{outage}, failuresOfServer-1), []string{"first: a", "first: a", "first: a", "first: b", "second: a", "second: b"}},
		"at the second one": {append([]error{nil}, slices.Repeat([]error{outage}, failuresOfServer)...), []string{"first: a", "first: b", "first: b", "first: b", "second: a", "second: b", "first: b"}},
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
