package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// failingPages has two pages of each list, and fails when it is asked for one for the first time.
type failingPages struct {
	GitHub

	asked []int
}

func (g *failingPages) page(number int) (next int, err error) {
	known := slices.Contains(g.asked, number)
	if g.asked = append(g.asked, number); !known {
		return 0, errors.New("502")
	}
	return map[int]int{1: 2}[number], nil
}

func (g *failingPages) DeploymentStatuses(_ context.Context, _, _ string, _ int64, number int) ([]json.RawMessage, int, error) {
	next, err := g.page(number)
	return []json.RawMessage{fmt.Appendf(nil, `{"id": %d, "state": "success", "created_at": "2025-01-0%[1]dT00:00:00Z"}`, number)}, next, err
}

func (g *failingPages) OwnerRepositories(_ context.Context, owner string, number int) ([]string, int, error) {
	next, err := g.page(number)
	return []string{fmt.Sprint(owner, "/", number)}, next, err
}

// A page whose call fails is asked for again, and none twice.
func TestPagesAfterFailures(t *testing.T) {
	for name, read := range map[string]func(b *Backfill) (int, error){
		"statuses of a deployment": func(b *Backfill) (int, error) {
			a := dora.ArchivedDeployment{ID: 1, Incomplete: true}
			err := b.numberStatuses(t.Context(), &part{Owner: "acme", Name: "web"}, &a)
			return len(a.Statuses), err
		},
		"repositories of an owner": func(b *Backfill) (int, error) {
			all, err := b.ofOwnerWithoutBulk(t.Context(), "acme")
			return len(all), err
		},
	} {
		t.Run(name, func(t *testing.T) {
			b, _ := newTestBackfill(&scriptedGitHub{})
			g := &failingPages{}
			b.GitHub, b.Sleep = g, func(context.Context, time.Duration) {}
			b.prepare()
			n, err := read(b)
			if diff := cmp.Diff([]int{1, 1, 2, 2}, g.asked); diff != "" || n != 2 || err != nil {
				t.Errorf("%d, %v; pages: -want +got:\n%s", n, err, diff)
			}
		})
	}
}
