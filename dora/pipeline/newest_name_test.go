package pipeline_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
)

// renamingGitHub has each commit in one repository, which it knows by its present name alone: another repository has the former one.
type renamingGitHub struct {
	nothingPartial

	repositories map[string]string // owner/name by SHA
	policy       dora.Policy
}

func (g *renamingGitHub) rules() dora.Policy { return g.policy }

func (g *renamingGitHub) catalog() teams { return teams{} }

func (g *renamingGitHub) enricher(testing.TB) dora.Enricher { return g }

func (g *renamingGitHub) Origin(_ context.Context, c dora.Commit) (dora.Origin, error) {
	if !strings.EqualFold(g.repositories[c.SHA], c.Owner+"/"+c.Repository) {
		return dora.Origin{}, &dora.NotFoundError{Reason: dora.ReasonUnprocessed, Err: errors.New("no commit found")}
	}
	return dora.Origin{FirstCommit: morning}, nil
}

func (g *renamingGitHub) Ship(ctx context.Context, c dora.Comparison) (dora.Shipment, map[string]dora.Origin, error) {
	o, err := g.Origin(ctx, c.Head)
	return dora.Shipment{Relation: dora.Ahead, Changes: []dora.Change{{Origin: o, SHA: c.Head.SHA}}}, nil, err
}

// GitHub is asked by the newest name of a repository, in whatever order the events arrive: its former one may be another's.
func TestAskedByTheNewestName(t *testing.T) {
	event := func(id int64, sha string, minute int, repository int64, owner, name string) dora.Event {
		return with(deployed(id, sha, "success", minute), of(repository), called(owner, name))
	}
	for name, test := range map[string]struct {
		events       []dora.Event
		repositories map[string]string
	}{
		"renamed": {
			[]dora.Event{event(1, "a", 1, 7, "acme", "api"), event(2, "b", 2, 7, "Acme", "Core"), event(3, "c", 3, 8, "acme", "api")},
			map[string]string{"a": "acme/core", "b": "acme/core", "c": "acme/api"},
		},
		"transferred": {
			[]dora.Event{event(1, "a", 1, 7, "acme", "api"), event(2, "b", 2, 7, "new", "api"), event(3, "c", 3, 8, "acme", "api")},
			map[string]string{"a": "new/api", "b": "new/api", "c": "acme/api"},
		},
		"renamed twice and back": {
			[]dora.Event{
				event(1, "a", 1, 7, "acme", "api"), event(2, "b", 2, 7, "acme", "core"), event(3, "c", 3, 7, "acme", "api"), event(4, "d", 4, 8, "acme", "core"),
			},
			map[string]string{"a": "acme/api", "b": "acme/api", "c": "acme/api", "d": "acme/core"},
		},
		"two repositories without ids": {
			[]dora.Event{event(1, "a", 1, 0, "Acme", "Api"), event(2, "b", 2, 0, "acme", "core"), event(3, "c", 3, 0, "acme", "api")},
			map[string]string{"a": "acme/api", "b": "acme/core", "c": "acme/api"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, order := range someOrders(len(test.events), 6) {
				synctest.Test(t, func(t *testing.T) {
					x := &exporter{
						t: t, world: &renamingGitHub{repositories: test.repositories, policy: dora.Policy{Settle: settleTime}}, store: openStore(t), durations: true,
					}
					for _, i := range order {
						x.arrive(test.events[i])
						x.run(time.Second)
					}
					x.settle()
					for family, want := range map[string]int{
						dora.Changes: len(test.events), dora.LeadTime: len(test.events), dora.DeploymentsDurationSum: len(test.events),
					} {
						if got := x.subjects(family); len(got) != want {
							t.Errorf("in the order %v: %s has %q, want %d facts", order, family, got, want)
						}
					}
				})
			}
		})
	}
}
