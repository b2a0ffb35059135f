package storetest

import (
	"testing"
	"time"

	"dora-exporter/dora"
)

// The runs of a scope follow one another by time, then by number. Moments are compared exactly.
func runRules() rules {
	return rules{
		"neighbours": previousAndNext,
		"again":      runsAgain,
		"commit":     runsOfACommit,
		"newest":     newestOfATeam,
	}
}

// ran fails if it is not the run of this number at this minute that is found; 0 for none.
func ran(t *testing.T, what string, id int64, at int, run dora.Run, known bool, err error) {
	t.Helper()
	numbered(t, what, id, run.DeploymentRecord, known, err)
	if known && !run.At.Equal(minute(at)) {
		t.Errorf("%s is at %s, want minute %d", what, run.At, at)
	}
}

func previousAndNext(t *testing.T, s Store) {
	failed := success(5, 3)
	failed.Outcomes[0].State = "failure"
	save(t, s, success(1, 1), success(9, 2), success(10, 2), success(100, 2), success(2, 4), failed)
	update(t, s, func(tx dora.Tx) error {
		for name, test := range map[string]struct {
			at             dora.Moment
			previous, next int64
		}{
			"before all":       {dora.Moment{At: minute(0), ID: 9}, 0, 1},
			"the first":        {dora.Moment{At: minute(1), ID: 1}, 0, 9},
			"a smaller number": {dora.Moment{At: minute(2), ID: 8}, 1, 9},
			"in between":       {dora.Moment{At: minute(2), ID: 10}, 9, 100},
			"a larger number":  {dora.Moment{At: minute(2), ID: 101}, 100, 2},
			"a millisecond":    {dora.Moment{At: minute(2).Add(time.Millisecond)}, 100, 2},
			"the last":         {dora.Moment{At: minute(4), ID: 2}, 100, 0},
			"after all":        {dora.Moment{At: minute(9)}, 2, 0},
		} {
			run, known, err := tx.History().Previous(scope(), test.at)
			numbered(t, name+": Previous", test.previous, run.DeploymentRecord, known, err)
			run, known, err = tx.History().Next(scope(), test.at)
			numbered(t, name+": Next", test.next, run.DeploymentRecord, known, err)
		}
		return nil
	})
	run, known, err := s.Runs(t.Context()).Previous(scope(), success(10, 2).Moment())
	numbered(t, "Previous for people", 9, run.DeploymentRecord, known, err)
}

// succeeds adds a status of success to a deployment.
func succeeds(d dora.DeploymentRecord, at int) dora.DeploymentRecord {
	d.AddOutcome(dora.Outcome{ID: 1000 + int64(at), State: "success", At: minute(at)})
	return d
}

// A success of a deployment begins a run unless the success before it in the scope is one of the same deployment.
func runsAgain(t *testing.T, s Store) {
	first := succeeds(succeeds(succeeds(success(1, 1), 2), 5), 6)
	first.AddOutcome(dora.Outcome{ID: 9, State: "failure", At: minute(7)})
	save(t, s, first, succeeds(success(2, 3), 6), success(3, 8))
	type run struct {
		id int64
		at int
	}
	runs := []run{{1, 1}, {2, 3}, {1, 5}, {2, 6}, {3, 8}}
	for name, h := range map[string]func(dora.Tx) dora.Runs{
		"in a transaction": func(tx dora.Tx) dora.Runs { return tx.History() },
		"for people":       func(dora.Tx) dora.Runs { return s.Runs(t.Context()) },
	} {
		update(t, s, func(tx dora.Tx) error {
			var before dora.Moment
			for _, want := range runs {
				got, known, err := h(tx).Next(scope(), before)
				ran(t, name+": Next", want.id, want.at, got, known, err)
				before = got.Moment()
			}
			_, known, err := h(tx).Next(scope(), before)
			numbered(t, name+": after the last", 0, dora.DeploymentRecord{}, known, err)
			for i := len(runs) - 2; i >= 0; i-- {
				got, known, err := h(tx).Previous(scope(), before)
				ran(t, name+": Previous", runs[i].id, runs[i].at, got, known, err)
				before = got.Moment()
			}
			return nil
		})
	}
	save(t, s, success(1, 1)) // without the later ones
	update(t, s, func(tx dora.Tx) error {
		run, known, err := tx.History().Previous(scope(), dora.Moment{At: minute(8)})
		ran(t, "when it has only its first success", 2, 3, run, known, err)
		return nil
	})
}

func runsOfACommit(t *testing.T, s Store) {
	run := func(id, at int, sha string) dora.DeploymentRecord {
		d := success(id, at)
		d.SHA = sha
		return d
	}
	elsewhere := run(7, 0, "a")
	elsewhere.Environment = "staging"
	save(t, s, succeeds(succeeds(run(1, 1, "a"), 6), 7), run(2, 2, "a"), run(3, 3, "b"), run(4, 4, "a"), run(5, 2, "ab"), run(6, 2, "A"), elsewhere)
	update(t, s, func(tx dora.Tx) error {
		for _, test := range []struct {
			sha  string
			at   dora.Moment
			want int64
			when int
		}{
			{"a", dora.Moment{At: minute(9)}, 1, 6},
			{"a", dora.Moment{At: minute(6)}, 4, 4},
			{"a", dora.Moment{At: minute(4), ID: 4}, 2, 2},
			{"a", dora.Moment{At: minute(2), ID: 2}, 1, 1},
			{"a", dora.Moment{At: minute(1), ID: 1}, 0, 0},
			{"b", dora.Moment{At: minute(9)}, 3, 3},
			{"", dora.Moment{At: minute(9)}, 0, 0},
			{"a%", dora.Moment{At: minute(9)}, 0, 0},
		} {
			got, known, err := tx.History().LatestRun(scope(), test.sha, test.at)
			ran(t, "LatestRun of "+test.sha, test.want, test.when, got, known, err)
		}
		for sha, want := range map[string]int64{"a": 1, "b": 3, "A": 6, "": 0, "a%": 0} {
			got, known, err := tx.History().FirstRun(scope(), sha)
			numbered(t, "FirstRun of "+sha, want, got.DeploymentRecord, known, err)
		}
		return nil
	})
}

func newestOfATeam(t *testing.T, s Store) {
	staging, other := success(4, 4), success(5, 5)
	staging.InProduction, other.Team = false, "platform"
	library := success(3, 2)
	library.Repository = "library"
	save(t, s, success(1, 1), succeeds(success(2, 2), 7), succeeds(library, 6), staging, other)
	update(t, s, func(tx dora.Tx) error {
		for name, test := range map[string]struct {
			team   string
			before time.Time
			want   int64
			at     int
		}{
			"again, after another one":      {"Platform", minute(9), 2, 7},
			"a repetition begins no run":    {"Platform", minute(7), 3, 2},
			"not at the time":               {"Platform", minute(2), 1, 1},
			"before all":                    {"Platform", minute(1), 0, 0},
			"another team":                  {"platform", minute(9), 5, 5},
			"no team":                       {"", minute(9), 0, 0},
			"a team that ends with a space": {"Platform ", minute(9), 0, 0},
			"a pattern":                     {"Plat%", minute(9), 0, 0},
		} {
			run, known, err := tx.History().NewestOf(test.team, test.before)
			ran(t, name, test.want, test.at, run, known, err)
		}
		return nil
	})
}
