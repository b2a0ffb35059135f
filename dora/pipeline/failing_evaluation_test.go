package pipeline_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/rules"
)

// failingHistory returns a history in which GitHub never compares the commits of deployment 2, as long as stuck is true.
func failingHistory(t *testing.T) (p *scripted, x *exporter, stuck *bool) {
	t.Helper()
	p, x = newEmptyHistory(t)
	stuck = new(bool)
	*stuck = true
	p.repos["web"].line = []string{"V1", "V2", "V3", "V4"}
	p.repos["web"].changes["V2"] = dora.Change{Origin: dora.Origin{FirstCommit: morning, PullRequest: 2}}
	p.repos["web"].down = func(c dora.Comparison) error {
		if *stuck && c.Head.SHA == "V2" {
			return errors.New("500")
		}
		return nil
	}
	return p, x, stuck
}

// fail has the first evaluation of web's production failing, as when the API answers other calls, for two minutes: the next attempt
// finds an outage again.
func (x *exporter) fail() {
	x.t.Helper()
	err := x.rules().Update(x.t.Context(), x.store, time.Now(), func(r *rules.Session) error {
		e, known, err := r.Evaluations().First(dora.DeploymentRecord{Deployment: deployed(1, "", "", 0).Status.Deployment}.Scope())
		if err != nil || !known {
			return fmt.Errorf("nothing fails: %w", err)
		}
		e.FailingSince, e.Due = time.Now(), time.Now().Add(2*time.Minute)
		return r.RetryDeployment(e)
	})
	if err != nil {
		x.t.Fatal(err)
	}
}

func minutes(n int) string { return fmt.Sprint(int64(n) * time.Minute.Milliseconds()) }

// A status and a rollback are evidence whether what a deployment of the scope ships is known or not. While all calls fail, as in an
// outage, they wait.
func TestEvidenceBesideAFailingEvaluation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, x, stuck := failingHistory(t)
		p.policy.HotfixBranches = dora.MustFilter("hotfix/*")
		p.repos["web"].changes["V2"] = dora.Change{Origin: dora.Origin{FirstCommit: morning, PullRequest: 2, Branch: "hotfix/x"}}
		x.arrive(created(deployed(1, "V1", "success", 10), deployed(1, "V1", "failure", 25), deployed(2, "V2", "success", 30),
			deployed(3, "V1", "success", 40), deployed(4, "V4", "success", 50), deployed(4, "V4", "error", 55), deployed(5, "V3", "success", 58))...)
		x.run(5 * time.Minute)
		wantFamily(t, x, "in an outage", dora.ChangeFailures, "status 1") // of 1, which is before the failing one
		x.fail()
		x.run(time.Minute)
		wantFamily(t, x, "while it fails", dora.ChangeFailures, "rollback 1", "status 1", "status 1")
		wantFamily(t, x, "while it fails", dora.Recovery, minutes(20), minutes(8), minutes(10)) // as texts are sorted
		wantFamily(t, x, "while it fails", dora.ReworkDeployments, "rollback 1", "status 1", "status 1")
		before := x.facts()
		*stuck = false
		x.settle()
		for _, family := range []string{dora.ChangeFailures, dora.Recovery, dora.ReworkDeployments} {
			if got, want := ofFamily(x.facts(), family), ofFamily(before, family); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("at the end: %q, want what was found before, %q: the hotfix comes later", got, want)
			}
		}
	})
}

// Single errors of GitHub change no mark: what a deployment shows by what it ships is earlier evidence than what follows, until its call
// has failed for a while.
func TestEvidenceAfterSingleErrors(t *testing.T) {
	for name, test := range map[string]struct {
		before time.Duration // for how long another call failed, an hour ago
		errors int
		want   string
	}{
		"none":        {errors: 0, want: "hotfix 1"},
		"one":         {errors: 1, want: "hotfix 1"},
		"for a while": {errors: 5, want: "hotfix 1"}, // half a minute
		"always":      {errors: 1000, want: "incident 1"},
		"one, and another call failed for minutes before":    {before: 3 * time.Minute, errors: 1, want: "hotfix 1"},
		"always, and another call failed for minutes before": {before: 3 * time.Minute, errors: 1000, want: "incident 1"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, x := newEmptyHistory(t)
				p.policy.HotfixBranches = dora.MustFilter("hotfix/*")
				p.repos["web"].line = []string{"V1", "V2"}
				p.repos["web"].changes["V2"] = dora.Change{Origin: dora.Origin{FirstCommit: morning, PullRequest: 2, Branch: "hotfix/x"}}
				failed := 0
				inOutage := func(dora.Comparison) error { return errors.New("503") }
				inTurn := func(call string, limit int) func(dora.Comparison) error {
					return func(c dora.Comparison) error {
						if c.Head.SHA != "V2" || failed == limit {
							return nil
						}
						failed++
						return failsToAnswer(t, c, call)
					}
				}
				x.arrive(created(deployed(1, "V1", "success", 10), deployed(2, "V2", "success", 20))...)
				if test.before > 0 {
					p.repos["web"].down = inTurn("pulls", -1)
					x.run(settleTime + test.before)
					p.repos["web"].down = inOutage
					x.run(time.Hour)
				}
				x.arrive(issue("created", 30, 30, 0, dora.Reference{Owner: "acme", Repository: "web", Deployment: 1}))
				if test.before > 0 {
					x.run(5 * time.Minute)
				}
				failed = 0
				p.repos["web"].down = inTurn("compare", test.errors)
				x.run(5 * time.Minute)
				wantFamily(t, x, "after 5 minutes", dora.ChangeFailures, test.want)
			})
		})
	}
}

// failsToAnswer returns the error of a call of a comparison that GitHub fails to answer although it answers others, and is not given up.
func failsToAnswer(t *testing.T, c dora.Comparison, call string) error {
	t.Helper()
	err := &dora.UnansweredError{Err: errors.New("502"), Call: call}
	if c.GiveUp(err) {
		t.Error("gave up")
	}
	return err
}

// A status is evidence while GitHub does not have the commit of a deployment, which may have been overwritten. An incident that names it is,
// too.
func TestEvidenceBesideAMissingCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, x, _ := failingHistory(t)
		p.repos["web"].down = func(c dora.Comparison) error {
			if c.Head.SHA == "V2" {
				return &dora.NotFoundError{Reason: dora.ReasonNotFound, Err: errors.New("422")}
			}
			return nil
		}
		x.arrive(created(deployed(1, "V1", "success", 10), deployed(2, "V2", "success", 30), deployed(3, "V3", "success", 40), deployed(4, "V1", "success", 50),
			deployed(4, "V1", "error", 55))...)
		x.arrive(issue("created", 35, 35, 0, dora.Reference{Owner: "acme", Repository: "web", Commit: "V2"}))
		x.run(5 * time.Minute)
		want := []string{"incident 1", "status 1"} // the rollback by 4 is about 2, which the incident names before
		wantFamily(t, x, "while it is missing", dora.ChangeFailures, want...)
		x.run(80 * time.Minute)
		wantFamily(t, x, "when it is evaluated without", dora.ChangeFailures, want...)
	})
}

// An incident is evidence against a deployment that it names, whether what others of the repository ship is known or not.
func TestIncidentBesideAFailingEvaluation(t *testing.T) {
	for name, test := range map[string]struct {
		window time.Duration
		refs   []dora.Reference
		want   string
	}{
		"it names the failing one":               {refs: []dora.Reference{{Owner: "acme", Repository: "web", Deployment: 2}}, want: "incident 1"},
		"it names the commit of the failing one": {refs: []dora.Reference{{Owner: "acme", Repository: "web", Commit: "V2"}}, want: "incident 1"},
		"it names one behind the failing one":    {refs: []dora.Reference{{Owner: "acme", Repository: "web", Deployment: 3}}, want: "incident 1"},
		"it names a commit alone":                {refs: []dora.Reference{{Commit: "V3"}}, want: "incident 1"},
		"it names nothing, with a window":        {window: 15 * time.Minute, want: "window 1"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, x, _ := failingHistory(t)
				p.policy.IncidentWindow = test.window
				x.arrive(created(deployed(1, "V1", "success", 10), deployed(2, "V2", "success", 20), deployed(3, "V3", "success", 30))...)
				x.arrive(issue("created", 40, 40, 0, test.refs...))
				x.run(5 * time.Minute)
				wantFamily(t, x, "in an outage", dora.ChangeFailures)
				x.fail()
				x.run(time.Minute)
				wantFamily(t, x, "while it fails", dora.ChangeFailures, test.want)
			})
		})
	}
}

// What the failing deployment shipped is not known, so an incident that names that waits for it, also if it would mark the newest
// deployment of its team else. Nothing waits for the incident.
func TestIncidentThatNamesWhatIsNotKnown(t *testing.T) {
	for name, test := range map[string]struct {
		window      time.Duration
		pull        int64
		failing     []string // what is marked while the evaluation fails
		wantAtLast  []string
		lastOutcome string // of deployment 3
	}{
		"the failing one shipped it":                {pull: 2, lastOutcome: "failure", failing: []string{"status 1"}, wantAtLast: []string{"incident 1", "status 1"}},
		"the failing one shipped it, with a window": {pull: 2, window: 15 * time.Minute, lastOutcome: "failure", failing: []string{"status 1"}, wantAtLast: []string{"incident 1", "status 1"}},
		"nothing shipped it, with a window":         {pull: 7, window: 15 * time.Minute, lastOutcome: "inactive", wantAtLast: []string{"window 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, x, stuck := failingHistory(t)
				p.policy.IncidentWindow = test.window
				x.arrive(created(deployed(1, "V1", "success", 10), deployed(2, "V2", "success", 20), deployed(3, "V3", "success", 30), deployed(3, "V3", test.lastOutcome, 50))...)
				x.arrive(issue("created", 40, 40, 0, dora.Reference{Owner: "acme", Repository: "web", PullRequest: test.pull}))
				x.run(5 * time.Minute)
				wantFamily(t, x, "in an outage", dora.ChangeFailures)
				x.fail()
				x.run(time.Minute)
				wantFamily(t, x, "while it fails", dora.ChangeFailures, test.failing...)
				*stuck = false
				x.settle()
				wantFamily(t, x, "when it is evaluated", dora.ChangeFailures, test.wantAtLast...)
			})
		})
	}
}

// While GitHub does not show the repository that it names, an incident is evaluated about once a minute, and then at once.
func TestIncidentWithoutAccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, x, hidden := failingHistory(t)
		p.repos["web"].down = func(dora.Comparison) error {
			if *hidden {
				return &dora.InaccessibleError{Err: errors.New("404"), RetryIn: time.Hour}
			}
			return nil
		}
		x.arrive(created(deployed(1, "V1", "success", 10), deployed(2, "V2", "success", 20), deployed(3, "V3", "success", 30))...)
		x.arrive(issue("created", 40, 40, 0, dora.Reference{Owner: "acme", Repository: "web", PullRequest: 2}))
		x.run(30 * time.Minute)
		var waiting []dora.Evaluation
		err := x.rules().Update(t.Context(), x.store, time.Now(), func(r *rules.Session) (err error) {
			waiting, err = r.Evaluations().WaitingIncidents(morning.AddDate(1, 0, 0))
			return err
		})
		if err != nil || len(waiting) != 1 || waiting[0].Attempts < 25 || waiting[0].Attempts > 34 {
			t.Errorf("waiting are %+v, %v; want the incident after about one attempt a minute", waiting, err)
		}
		*hidden = false
		x.run(time.Minute + 12*time.Second) // the next attempt at the deployment, then another one at the incident every five seconds
		wantFamily(t, x, "after access came", dora.ChangeFailures, "incident 1")
	})
}

// An incident that names what a repository may have shipped which never becomes readable marks the newest deployment of its team in the end.
func TestIncidentWithoutAccessHasAWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, x, _ := failingHistory(t)
		p.policy.IncidentWindow = 15 * time.Minute
		p.repos["web"].down = func(dora.Comparison) error {
			return &dora.InaccessibleError{Err: errors.New("404"), RetryIn: time.Hour}
		}
		x.arrive(created(deployed(1, "V1", "success", 10), deployed(2, "V2", "success", 20), deployed(3, "V3", "success", 30))...)
		x.arrive(issue("created", 40, 40, 0, dora.Reference{Owner: "acme", Repository: "web", PullRequest: 2}))
		x.run(50 * time.Minute)
		wantFamily(t, x, "while access may come", dora.ChangeFailures)
		x.run(20 * time.Minute)
		wantFamily(t, x, "after an hour", dora.ChangeFailures, "window 1")
	})
}

// What an incident is evidence for does not depend on how long an outage was after which GitHub fails to answer a call for some minutes.
func TestIncidentAfterAnOutage(t *testing.T) {
	for _, outage := range []time.Duration{0, 20 * time.Minute, 50 * time.Minute, 3 * time.Hour} {
		for name, ref := range map[string]dora.Reference{
			"pull request":              {Owner: "acme", Repository: "web", PullRequest: 2},
			"commit without repository": {Commit: "abc1234"},
		} {
			t.Run(fmt.Sprint(outage, ", ", name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p, x, _ := failingHistory(t)
					p.policy.IncidentWindow = 15 * time.Minute
					change := p.repos["web"].changes["V2"]
					change.Commits = []string{"abc1234", "V2"}
					p.repos["web"].changes["V2"] = change
					answer := func(dora.Comparison) error {
						return &dora.PausedError{Err: errors.New("503"), RetryIn: time.Minute}
					}
					p.repos["web"].down = func(c dora.Comparison) error {
						if c.Head.SHA != "V2" {
							return nil
						}
						return answer(c)
					}
					x.arrive(created(deployed(1, "V1", "success", 10), deployed(2, "V2", "success", 20), deployed(3, "V3", "success", 30))...)
					x.arrive(issue("created", 40, 40, 0, ref))
					x.run(settleTime + outage)
					wantFamily(t, x, "in the outage", dora.ChangeFailures)
					answer = func(c dora.Comparison) error { return failsToAnswer(t, c, "compare") }
					x.run(5 * time.Minute)
					wantFamily(t, x, "while the call fails", dora.ChangeFailures)
					p.repos["web"].down = nil
					x.run(2 * time.Minute)
					wantFamily(t, x, "when it is answered", dora.ChangeFailures, "incident 1")
				})
			})
		}
	}
}
