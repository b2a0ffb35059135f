package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
)

// scripted is a world whose repositories are lines of commits.
type scripted struct {
	nothingPartial

	repos  map[string]*repository
	policy dora.Policy
	teams  teams
}

func (p *scripted) rules() dora.Policy { return p.policy }

func (p *scripted) catalog() teams { return p.teams }

func (p *scripted) enricher(testing.TB) dora.Enricher { return p }

// Origin asks the repository of a commit.
func (p *scripted) Origin(ctx context.Context, c dora.Commit) (dora.Origin, error) {
	return p.repos[c.Repository].Origin(ctx, c)
}

// Ship asks the repository of a comparison.
func (p *scripted) Ship(ctx context.Context, c dora.Comparison) (dora.Shipment, map[string]dora.Origin, error) {
	return p.repos[c.Head.Repository].Ship(ctx, c)
}

// newEmptyHistory returns a history in which nothing has happened yet, with an exporter.
func newEmptyHistory(t *testing.T) (*scripted, *exporter) {
	t.Helper()
	p := &scripted{repos: map[string]*repository{"web": newRepository("V1", "V2", "V3"), "api": newRepository("W1", "W2")}, teams: teams{"web": "A", "api": "B", "INC": "A"}}
	p.policy = p.repos["web"].policy
	p.policy.Settle = settleTime
	return p, &exporter{t: t, world: p, store: openStore(t)}
}

func wantFamily(t *testing.T, x *exporter, when, family string, values ...string) {
	t.Helper()
	var got []string
	for _, l := range ofFamily(x.facts(), family) {
		labels, value, _ := strings.Cut(l[len(family)+1:], "} ")
		for pair := range strings.SplitSeq(labels, ",") {
			if v, ok := strings.CutPrefix(pair, "cause="); ok {
				value = strings.Trim(v, `"`) + " " + value
			}
		}
		got = append(got, value)
	}
	if !slices.Equal(values, got) {
		t.Errorf("%s: %s %q, want %q", when, family, got, values)
	}
}

// Issues that change all the time don't delay the failed changes of a repository that they don't name.
func TestOtherIssues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, x := newEmptyHistory(t)
		x.arrive(deployed(1, "V1", "success", 10), deployed(1, "V1", "failure", 15))
		for i := range 20 {
			other := issue("updated", i, 1, 0, dora.Reference{Owner: "acme", Repository: "api", Deployment: 9})
			other.Incident.ID = fmt.Sprint(i % 3)
			x.arrive(other)
			x.run(20 * time.Second)
		}
		wantFamily(t, x, "while other issues change", dora.ChangeFailures, "status 1")
	})
}

// The first resolution counts, even if a later one arrives first and the deployment is evaluated in between.
func TestFirstResolution(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, x := newEmptyHistory(t)
		names := dora.Reference{Owner: "acme", Repository: "web", Deployment: 1}
		x.arrive(deployed(1, "V1", "success", 10), issue("created", 20, 20, 0, names))
		x.settle()
		wantFamily(t, x, "open", dora.ChangeFailures, "incident 1")
		x.arrive(deployed(2, "V2", "success", 95))
		x.run(settleTime - time.Second)
		x.arrive(issue("updated", 90, 20, 90, names)) // the second one
		x.run(time.Minute)                            // the deployment is evaluated
		x.arrive(issue("updated", 60, 20, 60, names)) // the first one
		x.settle()
		wantFamily(t, x, "resolved", dora.Recovery, fmt.Sprint(50*60_000))
		wantFamily(t, x, "resolved", dora.IncidentRecovery, fmt.Sprint(40*60_000))
		wantFamily(t, x, "resolved", dora.ReworkDeployments)
	})
}

// An incident that names a SHA without a repository may be about any repository. Its evidence does not depend on the repository that
// GitHub answers for first.
func TestBareSHA(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, x := newEmptyHistory(t)
		p.repos["web"].changes["V2"] = dora.Change{Origin: dora.Origin{FirstCommit: morning, PullRequest: 2}, Commits: []string{"abcdef01"}}
		end := time.Now().Add(5 * time.Minute)
		p.repos["web"].down = func(dora.Comparison) error {
			if time.Now().Before(end) {
				return errors.New("502")
			}
			return nil
		}
		x.arrive(
			deployed(1, "V1", "success", 10), deployed(2, "V3", "success", 20), deployed(2, "V3", "failure", 40),
			issue("created", 30, 30, 0, dora.Reference{Commit: "abcdef0"}),
		)
		x.run(4 * time.Minute)
		wantFamily(t, x, "while GitHub is down", dora.ChangeFailures)
		x.settle()
		wantFamily(t, x, "after", dora.ChangeFailures, "incident 1")
		if x.late > 0 {
			t.Errorf("%d events were late", x.late)
		}
	})
}

// After a rollback, the next deployment ships an earlier hotfix again, and a new one.
func TestSecondHotfix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, x := newEmptyHistory(t)
		p.policy.HotfixBranches = dora.MustFilter("hotfix/*")
		for i, sha := range []string{"V2", "V3"} {
			p.repos["web"].changes[sha] = dora.Change{Origin: dora.Origin{FirstCommit: morning, PullRequest: 2 + i, Branch: "hotfix/x"}}
		}
		x.arrive(created(deployed(1, "V1", "success", 10), deployed(2, "V2", "success", 20), deployed(3, "V1", "success", 30), deployed(4, "V3", "success", 40))...)
		x.settle()
		wantFamily(t, x, "evaluated", dora.ChangeFailures, "hotfix 1", "hotfix 1", "rollback 1")
	})
}

// Of the evidence of one second, the first cause decides, even if the deployment that shows it is evaluated last.
func TestEvidenceOfTheSameSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, x := newEmptyHistory(t)
		p.policy.HotfixBranches, p.policy.IncidentWindow = dora.MustFilter("hotfix/*"), time.Hour
		p.repos["web"].changes["V2"] = dora.Change{Origin: dora.Origin{FirstCommit: morning, PullRequest: 2, Branch: "hotfix/x"}}
		paused := true
		p.repos["web"].down = func(c dora.Comparison) error {
			if paused && c.Head.SHA == "V2" {
				return &dora.PausedError{Err: errors.New("paused"), RetryIn: time.Second}
			}
			return nil
		}
		x.arrive(created(deployed(1, "V1", "success", 10), deployed(2, "V2", "success", 20))...)
		x.arrive(issue("created", 20, 20, 0)) // opened within the window after V1
		x.run(settleTime + time.Minute)
		wantFamily(t, x, "while the calls are paused", dora.ChangeFailures)
		paused = false
		x.settle()
		wantFamily(t, x, "at the end", dora.ChangeFailures, "hotfix 1")
	})
}

// The first success after a failure repairs it, even if a later success arrives first and the scope is evaluated in between.
func TestFirstRepair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, x := newEmptyHistory(t)
		x.arrive(deployed(1, "V1", "success", 10), deployed(1, "V1", "failure", 15))
		x.settle()
		x.arrive(deployed(1, "V1", "error", 16)) // its evaluation looks for repairs
		x.run(time.Minute)
		x.arrive(deployed(3, "V3", "success", 40))
		x.run(90 * time.Second)
		wantFamily(t, x, "before the later success is evaluated", dora.Recovery)
		x.arrive(deployed(2, "V2", "success", 30))
		x.settle()
		wantFamily(t, x, "at the end", dora.Recovery, fmt.Sprint((20 * time.Minute).Milliseconds()))
	})
}

// A deployment that repairs two others counts as rework once, for the one that failed first.
func TestRepairOfTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, x := newEmptyHistory(t)
		p.repos["web"].changes["V1"] = dora.Change{Origin: dora.Origin{FirstCommit: morning, PullRequest: 1}}
		p.repos["web"].changes["V3"] = dora.Change{Origin: dora.Origin{FirstCommit: morning, PullRequest: 3, Reverts: []string{"#1"}}}
		x.arrive(deployed(1, "V1", "success", 10), deployed(2, "V2", "success", 20), deployed(2, "V2", "failure", 22), deployed(3, "V3", "success", 30))
		x.settle()
		wantFamily(t, x, "two failures", dora.ChangeFailures, "revert 1", "status 1")
		wantFamily(t, x, "one repair", dora.ReworkDeployments, "status 1")
	})
}

// A success counts as late if a later one of its environment has been evaluated before it arrives.
func TestLateEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, x := newEmptyHistory(t)
		x.arrive(deployed(2, "V2", "success", 20))
		x.settle()
		x.arrive(deployed(3, "V3", "success", 30))
		if x.late != 0 {
			t.Errorf("%d late events, want 0", x.late)
		}
		x.arrive(deployed(1, "V1", "success", 10))
		if x.late != 1 {
			t.Errorf("%d late events, want 1", x.late)
		}
	})
}
