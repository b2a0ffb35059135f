package history

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// refusingPages refuses the credential of an owner some times.
type refusingPages struct {
	*sizedPages

	owner    string
	refusals int
	// refused is how often it was.
	refused int
}

func (g *refusingPages) Query(ctx context.Context, owner, query string, v map[string]any, data any) error {
	if owner == g.owner && g.refused < g.refusals {
		g.refused++
		return &dora.RefusedError{Err: errors.New("401 Unauthorized"), Credential: "github.accounts[1].token"}
	}
	return g.sizedPages.Query(ctx, owner, query, v, data)
}

// A refused credential does not keep the repositories of others from being read. The error says what was not read, and how to go on.
func TestRefusedCredential(t *testing.T) {
	for name, test := range map[string]struct {
		refusals, refused int
		asked             [][]string
		failed            []string
		want              string
	}{
		"twice, as in an outage": {2, 2, [][]string{{"a"}, {"b"}}, nil, ""},
		"for good": {
			1000, maxRefusals,
			[][]string{{"b"}},
			[]string{"acme/a", "acme/c"},
			"GitHub refuses github.accounts[1].token, so that not all was read. Not read: acme/a, acme/c. Replace the credential, restart the server, " +
				"and repeat the backfill: it reads only what is left. The answer was: 401 Unauthorized",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := &refusingPages{sizedPages: &sizedPages{sizes: map[string]size{"a": {100, 100}, "b": {100, 100}}}, owner: "acme", refusals: test.refusals}
			b := newSizedBackfill(t, g.sizedPages, "acme/a", "beta/b")
			if test.failed != nil {
				b.Repositories = append(b.Repositories, "acme/c")
			}
			b.GitHub = g
			made, err := b.Run(t.Context())
			if got := fmt.Sprint(err); got != test.want && (err != nil || test.want != "") {
				t.Errorf("error %v, want %s", err, test.want)
			}
			if diff := cmp.Diff([]any{test.asked, test.failed, test.refused}, []any{g.asked, made.Failed, g.refused}); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A credential that is refused after the listing leaves what was not read yet, and is not tried again and again.
func TestCredentialRefusedMeanwhile(t *testing.T) {
	var names []string
	sizes := map[string]size{}
	for i := range 9 {
		names, sizes[fmt.Sprint(i)] = append(names, fmt.Sprintf("acme/%d", i)), size{100, 100}
	}
	g := &refusingPages{sizedPages: &sizedPages{sizes: sizes}, owner: "acme"}
	b := newSizedBackfill(t, g.sizedPages, names...)
	b.GitHub = g
	b.OnProgress = func(p Progress) {
		if p.Done == 1 {
			g.refusals = 1000
		}
	}
	made, err := b.Run(t.Context())
	if len(made.Failed) != 8 || g.refused != maxRefusals || made.Done != 9 {
		t.Errorf("%+v, refused %d times", made, g.refused)
	}
	if want := "Not read: acme/1, acme/2, acme/3, acme/4, acme/5 and 3 others. Replace"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
	g.refusals, b.OnProgress = 0, nil
	again := newSizedBackfill(t, g.sizedPages, names...)
	again.Store = b.Store
	before := len(g.asked)
	if made, err := again.Run(t.Context()); err != nil || made.Deployments != 8 || len(g.asked)-before != 8 {
		t.Errorf("again: %+v, %d repositories were asked for, %v", made, len(g.asked)-before, err)
	}
}
