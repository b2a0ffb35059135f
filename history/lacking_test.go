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

// isUnusual is NeedsFlags without rules.
func isUnusual(environment string) bool { return !dora.IsProductionName(environment) }

// flaggedPages has pages of deployments, each of another environment, of which blue is one of production.
type flaggedPages struct {
	GitHub

	environments []string
	asked        int
}

func (g *flaggedPages) Deployments(_ context.Context, _, _ string, number int) ([]json.RawMessage, int, error) {
	g.asked++
	environment, next := g.environments[number-1], number+1
	if number == len(g.environments) {
		next = 0
	}
	return []json.RawMessage{fmt.Appendf(nil, `{"id": %d, "environment": %q, "production_environment": %t, "created_at": %q}`,
		number, environment, environment == "blue", month(13-number).Format(time.RFC3339))}, next, nil
}

// The flags of an environment are those of its newest deployment, however old that is; names that tell all need none.
func TestFlagsOfEnvironments(t *testing.T) {
	for name, test := range map[string]struct {
		environments []string
		production   []bool
		asked        int
	}{
		"on the first page":       {[]string{"staging", "production"}, []bool{false, false}, 1},
		"on a later page":         {[]string{"production", "blue", "production"}, []bool{false, true, false}, 2},
		"names that tell all":     {[]string{"production", "eu-production"}, []bool{false, false}, 0},
		"one that has no more":    {[]string{"Blue", "blue"}, []bool{false, false}, 1},
		"two on different pages":  {[]string{"staging", "production", "blue"}, []bool{false, false, true}, 3},
		"without any deployments": {nil, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			g := &flaggedPages{environments: test.environments}
			b, _ := newTestBackfill(nil)
			b.GitHub = g
			b.prepare()
			var all []dora.ArchivedDeployment
			for i, environment := range test.environments {
				text, err := json.Marshal(document{ID: int64(i + 1), Environment: environment})
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, dora.ArchivedDeployment{ID: int64(100 + i), Created: month(12 - i), Document: text})
			}
			if err := b.complete(t.Context(), &part{}, all); err != nil {
				t.Fatal(err)
			}
			var got []bool
			for _, a := range all {
				var d document
				if err := json.Unmarshal(a.Document, &d); err != nil {
					t.Fatal(err)
				}
				got = append(got, d.Production)
			}
			if diff := cmp.Diff(test.production, got); diff != "" || g.asked != test.asked {
				t.Errorf("%d calls, want %d; -want +got:\n%s", g.asked, test.asked, diff)
			}
		})
	}
}
