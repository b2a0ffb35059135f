package history

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// Of two accounts on a server, one has a credential that GitHub refuses, and the other one's owners can't be listed at first. They are listed
// later, whatever the first account's answer.
func TestOwnersThatAreListedLaterBesideARefusedCredential(t *testing.T) {
	for name, outage := range map[string]error{
		"an outage":   errors.New("502 Bad Gateway"),
		"a pause":     &dora.PausedError{Err: errors.New("paused")},
		"a limit":     &dora.LimitedError{Err: errors.New("429 Too Many Requests")},
		"no accident": nil,
	} {
		t.Run(name, func(t *testing.T) {
			refused := &dora.RefusedError{Err: errors.New("401 Unauthorized"), Credential: "github.accounts[0].token"}
			failures := 2
			b := newSizedBackfill(t, nil)
			b.Owners = func(context.Context) ([]string, error) {
				if failures--; failures >= 0 && outage != nil {
					return nil, errors.Join(refused, outage)
				}
				return []string{"acme"}, errors.Join(refused, nil)
			}
			b.prepare()
			if err := b.listOwners(t.Context()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"acme/*"}, b.Repositories); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff([]string{"all owners of github.accounts[0].token"}, b.progress.Failed); diff != "" {
				t.Errorf("not read: -want +got:\n%s", diff)
			}
		})
	}
}
