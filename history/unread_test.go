package history

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// withoutBulkGitHub has no GraphQL and no owner.
type withoutBulkGitHub struct{ GitHub }

func (withoutBulkGitHub) Query(context.Context, string, string, map[string]any, any) error {
	return dora.ErrNoBulk
}

func (withoutBulkGitHub) OwnerRepositories(context.Context, string, int) ([]string, int, error) {
	return nil, 0, &dora.NotFoundError{Reason: dora.ReasonNotFound, Err: errors.New("404")}
}

// An owner that GitHub does not show is named as not read.
func TestOwnerThatIsNotShown(t *testing.T) {
	for name, g := range map[string]GitHub{
		"GraphQL": sizedGitHub{answer: `{"rateLimit": {"cost": 1, "remaining": 4999}, "repositoryOwner": null}`},
		"REST":    withoutBulkGitHub{},
	} {
		b, _ := newTestBackfill(&scriptedGitHub{})
		b.GitHub, b.Repositories = g, []string{"acmee/*"}
		b.prepare()
		all, err := b.listTargets(t.Context())
		if err != nil || len(all) > 0 {
			t.Errorf("%s: %v, %v", name, all, err)
		}
		if diff := cmp.Diff([]string{"acmee/*"}, b.progress.Failed); diff != "" {
			t.Errorf("%s: failed: -want +got:\n%s", name, diff)
		}
	}
}

// It is an error if an owner or a named repository was not read, not if GitHub fails to show one of an owner's.
func TestUnread(t *testing.T) {
	for name, test := range map[string]struct{ named, failed, want []string }{
		"all read":                 {named: []string{"acme/web"}},
		"an owner":                 {failed: []string{"acmee/*"}, want: []string{"acmee/*"}},
		"an owner of two servers":  {failed: []string{"acmee/*", "acmee/*"}, want: []string{"acmee/*"}},
		"a named repository":       {named: []string{"Acme/Web", "acme/api"}, failed: []string{"acme/web"}, want: []string{"acme/web"}},
		"one named with its host":  {named: []string{"ghe.example.com/acme/web"}, failed: []string{"acme/web"}, want: []string{"acme/web"}},
		"named without its host":   {named: []string{"acme/web"}, failed: []string{"github.com/acme/web"}, want: []string{"github.com/acme/web"}},
		"named by the API's host":  {named: []string{"api.github.com/acme/web"}, failed: []string{"github.com/acme/web"}, want: []string{"github.com/acme/web"}},
		"of another server":        {named: []string{"github.com/acme/web"}, failed: []string{"ghe.example.com/acme/web"}},
		"a repository of an owner": {named: []string{"acme/*"}, failed: []string{"acme/web"}},
		"a single deployment":      {named: []string{"acme/web"}, failed: []string{"acme/web#7"}},
		"a longer name":            {named: []string{"my-acme/web"}, failed: []string{"acme/web"}},
	} {
		err := Progress{Failed: test.failed}.Unread(test.named)
		var got []string
		if unread := new(UnreadError); errors.As(err, &unread) {
			got = unread.Names
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}
