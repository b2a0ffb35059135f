package pipeline_test

import (
	"fmt"
	"regexp"
	"sort"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// What was worked out by hand to check the oracle by follows from the events in the exporter, too.
func TestExamples(t *testing.T) {
	for _, test := range allExamples() {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &story{graph: newGraph(1, "api", "main"), policy: dora.Policy{IgnoreAuthors: []string{"bot"}}}
				test.happens(s)
				x := &exporter{t: t, world: s, store: openStore(t)}
				x.arrive(s.events()...)
				x.settle()
				sort.Strings(test.want)
				if diff := cmp.Diff(test.want, summary(x.factsInLowerCase())); diff != "" {
					t.Errorf("-want +got:\n%s\n%s", diff, x.describeChanges())
				}
			})
		})
	}
}

// events returns all events as the receivers decode them.
func (s *story) events() (all []dora.Event) {
	for _, status := range s.sent {
		all = append(all, status.event())
	}
	for _, c := range s.incidents {
		all = append(all, dora.Event{Incident: c})
	}
	return all
}

func (s *story) catalog() teams { return teams{s.name: "T", "INC": "T"} }

func (s *story) rules() dora.Policy {
	p := s.policy
	p.Settle, p.Tasks, p.UsualProduction, p.Ignore = settleTime, dora.MustFilter("deploy", "deploy:**"), true, ignoreRules(s.ignore)
	return p
}

func (s *story) enricher(t testing.TB) dora.Enricher {
	hub := &fakeGitHub{graphs: []*graph{s.graph}}
	if s.lost[0] != "" {
		hub.never = regexp.MustCompile(fmt.Sprintf(`/compare/%s\.\.\.%s$`, sha(s.lost[0]), sha(s.lost[1])))
	}
	if s.lostPull != 0 {
		hub.never = regexp.MustCompile(fmt.Sprintf("/pulls/%d/commits$", s.lostPull))
	}
	return hub.client(t)
}
