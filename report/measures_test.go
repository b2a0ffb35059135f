package report

import (
	"math"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"dora-exporter/dora"
)

// february is the first instant of it.
var february = time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)

// on is a time of day in February; day 0 is the last of January.
func on(day, hour int) time.Time {
	return february.Add(time.Duration(day-1)*24*time.Hour + time.Duration(hour)*time.Hour)
}

func done(id int64, team, repository, environment string, at time.Time, s dora.Shipment) dora.DeploymentRecord {
	return dora.DeploymentRecord{
		Deployment: dora.Deployment{
			Host: "api.github.com", ID: id, Owner: "acme", Repository: repository, Environment: environment, SHA: sha(id), CreatedAt: at.Add(-time.Minute),
		},
		Team: team, InProduction: environment == "production", Outcomes: []dora.Outcome{{ID: 10 * id, State: "success", At: at}}, Shipment: &s,
	}
}

func sha(id int64) string { return string([]byte{'a' + byte(id)}) }

// pull is a pull request whose first commit is so many hours older than its deployment.
func pull(number int, deployed time.Time, hours int) dora.Change {
	return dora.Change{
		Origin: dora.Origin{PullRequest: number, FirstCommit: deployed.Add(-time.Duration(hours) * time.Hour)}, SHA: "pull" + string(rune('0'+number)),
	}
}

func ships(changes ...dora.Change) dora.Shipment {
	return dora.Shipment{Relation: dora.Ahead, Changes: changes}
}

// platformInFebruary is a month of two teams, with each rule that marks a deployment by default.
func platformInFebruary() dora.Records {
	bot := pull(9, on(4, 10), 1)
	bot.Author = "renovate[bot]"
	failed := done(4, "Platform", "web", "production", on(6, 10), ships(pull(4, on(6, 10), 96)))
	failed.Outcomes = append(failed.Outcomes, dora.Outcome{ID: 41, State: "failure", At: on(6, 11)})
	back := done(8, "Platform", "web", "production", on(14, 10), dora.Shipment{Relation: dora.Behind})
	back.SHA = sha(6)
	never := done(11, "Mobile", "app", "production", on(7, 10), ships())
	never.Outcomes[0].State, never.Shipment = "error", nil
	return dora.Records{
		Unsettled: 1, Repositories: map[string][]string{"acme/web": {"api.github.com/acme/web"}},
		Environments: []dora.Environment{{Name: "production", Production: true}, {Name: "staging"}},
		Incidents: []dora.Incident{{
			Key: "jira.example.com/7", Name: "INC-7", IsIncident: true, IsResolved: true, Teams: []string{"Platform"}, Created: on(10, 11), FirstResolved: on(10, 16), Resolved: on(11, 0),
			References: []dora.Reference{{Owner: "acme", Repository: "web", PullRequest: 6}},
		}},
		Deployments: []dora.DeploymentRecord{
			done(1, "Platform", "web", "production", on(-40, 10), ships(pull(0, on(-40, 10), 24))),
			done(2, "Platform", "web", "production", on(2, 10), ships(pull(1, on(2, 10), 48), pull(2, on(2, 10), 6))),
			done(3, "Platform", "web", "production", on(4, 10), ships(pull(3, on(4, 10), 30), bot, pull(2, on(2, 10), 6))),
			failed,
			done(5, "Platform", "web", "production", on(6, 12), ships(pull(5, on(6, 12), 1))),
			done(6, "Platform", "web", "production", on(10, 10), ships(pull(6, on(10, 10), 12))),
			done(7, "Platform", "web", "production", on(12, 10), ships(pull(7, on(12, 10), 36))),
			back,
			done(9, "Platform", "web", "staging", on(20, 10), ships(pull(8, on(20, 10), 1))),
			done(10, "Mobile", "app", "production", on(3, 10), ships(pull(1, on(3, 10), 2))),
			never,
		},
	}
}

func policy() dora.Policy {
	return dora.Policy{Production: []*regexp.Regexp{regexp.MustCompile("^production$")}, IgnoreAuthors: []string{"renovate[bot]"}}
}

func TestReport(t *testing.T) {
	o := Options{Now: on(31, 0), Since: 30 * 24 * time.Hour} // from the first of February for 30 days
	got, err := FromRecords(policy(), platformInFebruary(), NewTally(o), o)
	if err != nil {
		t.Fatal(err)
	}
	want := Report{
		From: on(1, 0), To: on(31, 0), Unsettled: 1,
		Environments: []dora.Environment{{Name: "production", Production: true}, {Name: "staging"}},
		Rows: []Row{
			{
				Name: "Mobile",
				// One success in 30 days, which is too little for any band.
				Frequency: Measure{Value: 1. / 30, Observations: 1},
				LeadTime:  Measure{Value: 2 * 3600, Observations: 1}, LeadTime85: 2 * 3600,
				FailureRate: Measure{Value: 0, Observations: 1},
				Recovery:    Measure{Value: math.NaN()},
				Rework:      Measure{Value: 0, Observations: 1},
				Causes:      map[dora.Cause]int{},
			},
			{
				Name: "Platform",
				// Deployments 2 to 8: 7 in 30 days, more than one a week.
				Frequency: Measure{Value: 7. / 30, Observations: 7, Band: High},
				// #1 48 h, #2 6 h (once), #3 30 h, #4 96 h, #5 1 h, #6 12 h, #7 36 h; in order 1 6 12 30 36 48 96. The median is the
				// fourth; the 85th percentile is at 0.85 × 6 = 5.1 from the first: 48 h + 0.1 × 48 h = 52.8 h. #9 is a bot's.
				LeadTime: Measure{Value: 30 * 3600, Observations: 7, Band: High}, LeadTime85: 52.8 * 3600, WithoutLeadTime: 1,
				// 4 by its status, 6 by the incident, 7 by the rollback to 6.
				FailureRate: Measure{Value: 3. / 7, Observations: 7, Band: Low}, Failures: 3,
				Causes: map[dora.Cause]int{dora.CauseStatus: 1, dora.CauseIncident: 1, dora.CauseRollback: 1},
				// 4 by the success of 5, 2 h; 6 by the resolution, 6 h; 7 by 8, 48 h. Three are too few for a band.
				Recovery: Measure{Value: 6 * 3600, Observations: 3},
				// 5 and 8.
				Rework: Measure{Value: 2. / 7, Observations: 7}, Repairs: 2,
			},
		},
	}
	approximately := cmpopts.EquateApprox(1e-9, 0)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Report{}, "Differences"), cmpopts.EquateNaNs(), approximately); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	o.ByRepository = true
	if got, err = FromRecords(policy(), platformInFebruary(), NewTally(o), o); err != nil {
		t.Fatal(err)
	}
	want.Rows[0].Name, want.Rows[1].Name = "acme/app", "acme/web"
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Report{}, "Differences"), cmpopts.EquateNaNs(), approximately); diff != "" {
		t.Errorf("by repository: -want +got:\n%s", diff)
	}
}

// A report does not begin before the first event, and at least a day ago.
func TestReportBegins(t *testing.T) {
	for name, test := range map[string]struct {
		now   time.Time
		since time.Duration
		want  time.Time
	}{
		"within what is known":        {on(28, 0), 28 * 24 * time.Hour, on(0, 0)},
		"before the first deployment": {on(28, 0), 900 * 24 * time.Hour, on(-40, 10)},
		"in the first hours":          {on(-40, 12), 900 * 24 * time.Hour, on(-41, 12)},
		"of a few hours":              {on(-40, 12), 3 * time.Hour, on(-40, 9)},
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{Now: test.now, Since: test.since}
			r, err := FromRecords(policy(), platformInFebruary(), NewTally(o), o)
			if err != nil || !r.From.Equal(test.want) {
				t.Errorf("from %v, want %v, %v", r.From, test.want, err)
			}
		})
	}
}

func TestReportOfNothing(t *testing.T) {
	o := Options{Now: on(1, 0), Since: 24 * time.Hour}
	r, err := FromRecords(policy(), dora.Records{}, NewTally(o), o)
	if err != nil || len(r.Rows)+len(r.Differences) > 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// The weeks of a row add up to it, and what was done on the border of two counts in one of them.
func TestReportByWeeks(t *testing.T) {
	records := platformInFebruary()
	records.Deployments = append(records.Deployments, done(20, "Platform", "web", "production", on(15, 0), ships()))
	o := Options{Now: on(29, 0), Since: 28 * 24 * time.Hour, Weeks: 6}
	r, err := FromRecords(policy(), records, NewTally(o), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range r.Rows {
		deployments, leadTimes, failures, repairs := 0, 0, 0, 0
		for i, week := range row.Weeks {
			deployments += week.Frequency.Observations
			leadTimes += week.LeadTime.Observations
			failures += week.Failures
			repairs += week.Repairs
			if before := i == 0; math.IsNaN(week.Frequency.Value) != before {
				t.Errorf("%s, week %d: a frequency of %g", row.Name, i, week.Frequency.Value)
			}
		}
		got := []int{len(row.Weeks), deployments, leadTimes, failures, repairs}
		want := []int{6, row.Frequency.Observations, row.LeadTime.Observations, row.Failures, row.Repairs}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", row.Name, diff)
		}
	}
}
