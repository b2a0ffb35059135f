package export

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// policy is one of an exporter without a configuration, but for the causes of failed changes, which are two.
var policy = dora.Policy{UsualProduction: true, Incidents: dora.IncidentFilter{Types: []string{"Incident"}}}

func scopeLabels(environment string) dora.Labels {
	return dora.Labels{"environment": environment, "owner": "acme", "repo": "web", "team": "a"}
}

func factOf(labels dora.Labels, ago time.Duration) dora.Fact {
	return dora.Fact{Labels: labels, At: before(ago), Value: 1}
}

// What a live exporter starts at 0 begins with the first deployment of the repository and environment; what is of production alone does
// so in production.
func TestSeriesStartAtZeroWithOthers(t *testing.T) {
	m := &memory{
		facts: map[string][]dora.Fact{
			dora.Deployments: {
				factOf(scopeLabels("live").With("outcome", "success"), 3*time.Hour), factOf(scopeLabels("test").With("outcome", "failure"), time.Hour),
				factOf(scopeLabels("blue").With("outcome", "success"), time.Hour),
			},
			dora.ChangeFailures:   {factOf(scopeLabels("live").With("cause", "rollback"), 2*time.Hour)},
			dora.DeploymentsTotal: {factOf(dora.Labels{"environment": "live", "repo": "web", "team": "a", "status": "queued"}, 4*time.Hour)},
		},
		environments: []dora.Environment{{Name: "Blue", Production: true}}, // by GitHub's flag
	}
	got := written(t, Options{Policy: policy}, m)
	zeros := func(since string) []string { return []string{since, "6 10:02:29 0", "6 10:02:30 0"} }
	const rest = `,owner="acme",repo="web",team="a"}`
	for series, want := range map[string][]string{
		`dora_deployments_total{environment="live",outcome="failure"` + rest:                       zeros("6 06:55:00 0"),
		`dora_deployments_total{environment="test",outcome="success"` + rest:                       zeros("6 08:55:00 0"),
		`dora_changes_total{environment="live"` + rest:                                             zeros("6 06:55:00 0"),
		`dora_change_lead_time_seconds_count{environment="live"` + rest:                            zeros("6 06:55:00 0"),
		`dora_change_failures_total{cause="incident",environment="live"` + rest:                    zeros("6 06:55:00 0"),
		`dora_rework_deployments_total{cause="status",environment="blue"` + rest:                   zeros("6 08:55:00 0"),
		`dora_change_failures_total{cause="incident",environment="test"` + rest:                    nil,
		`dora_change_stage_seconds_sum{environment="test"` + rest:                                  nil,
		`github_deployments_total{environment="live",repo="web",status="error",team="a"}`:          zeros("6 05:55:00 0"),
		`github_deployments_duration_sum{environment="live",repo="web",status="success",team="a"}`: zeros("6 05:55:00 0"),
		`github_deployments_duration{environment="live",repo="web",status="success",team="a"}`:     nil,
		`dora_change_failures_total{cause="rollback",environment="live"` + rest: {
			"6 06:55:00 0", "6 07:55:00 0", "6 08:00:00 1", "6 10:02:29 1", "6 10:02:30 0",
		},
	} {
		if strings.HasPrefix(series, "github") && want != nil {
			want = []string{want[0], "6 06:00:00 0", want[1], want[2]} // a multiple of every
		}
		if diff := cmp.Diff(want, got[series]); diff != "" {
			t.Errorf("%s: -want +got:\n%s", series, diff)
		}
	}
}

// How many incidents were open follows from the events of all incidents, whoever brought them.
func TestOpenIncidents(t *testing.T) {
	event := func(ago time.Duration, priority, status, category string) dora.IncidentEvent {
		return dora.IncidentEvent{At: before(ago), ProjectTeam: "a", IncidentChange: dora.IncidentChange{
			Event: "jira:issue_updated", Project: "INC", Type: "Incident", Priority: priority, StatusName: status, StatusCategory: category,
		}}
	}
	opened := event(30*time.Minute, "High", "Open", "new")
	opened.Event, opened.Created = dora.IssueCreated, before(40*time.Minute)
	deleted := event(2*time.Minute, "High", "Open", "new")
	deleted.Event = dora.IssueDeleted
	m := &memory{incidents: []dora.Incident{
		{Key: "resolved and reopened", IsIncident: true, Events: []dora.IncidentEvent{
			event(60*time.Minute, "High", "Open", "new"), event(50*time.Minute, "High", "Done", "done"), event(20*time.Minute, "High", "Open", "new"),
		}},
		{Key: "created earlier than its first event, with another priority later, then deleted", IsIncident: true, Created: opened.Created, Events: []dora.IncidentEvent{
			opened, event(10*time.Minute, "Low", "Open", "new"), deleted,
		}},
		{Key: "no incident", Events: []dora.IncidentEvent{event(60*time.Minute, "High", "Open", "new")}},
		{Key: "after the installation", IsIncident: true, Events: []dora.IncidentEvent{event(-time.Hour, "High", "Open", "new")}},
	}}
	got := written(t, Options{Policy: policy, Since: before(time.Hour + time.Minute)}, m)
	want := map[string][]string{
		// Opened at 9:00 and 9:20, resolved at 9:10, reopened at 9:40; the second has another priority from 9:50 on.
		`dora_incidents_open{priority="High",project="INC",team="a"}`: {
			"6 09:00:00 1", "6 09:05:00 1", "6 09:10:00 0", "6 09:15:00 0", "6 09:20:00 1", "6 09:25:00 1", "6 09:30:00 1", "6 09:35:00 1", "6 09:40:00 2",
			"6 09:45:00 2", "6 09:50:00 1", "6 09:55:00 1", "6 10:00:00 1", "6 10:02:29 1",
		},
		`dora_incidents_open{priority="Low",project="INC",team="a"}`: {"6 09:45:00 0", "6 09:50:00 1", "6 09:55:00 1", "6 10:00:00 0", "6 10:02:29 0"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSummary(t *testing.T) {
	m := &memory{
		facts: map[string][]dora.Fact{
			dora.Incidents: facts("a", time.Hour, 1), dora.IncidentsOpened: facts("a", time.Hour, 1, 5*time.Minute, 1),
		},
		baselines: []dora.Baseline{{Values: dora.State{dora.Incidents: {"x": {}}, dora.Changes: {}}}},
		removal:   dora.Removal{Position: 3}, unsettled: 2,
	}
	var out bytes.Buffer
	got, err := Run(t.Context(), m, Options{Every: time.Hour}, NewOpenMetrics(&out, nil))
	if err != nil {
		t.Fatal(err)
	}
	// One counter at 8:55, 9:00, 9:50, 9:55, 10:00, 10:02:29 and :30; 17 series of the recovery that starts with it at 8:55, 9:00, 10:00, and the end.
	want := Summary{
		Series: 1 + 17, Samples: 7 + 17*5, From: before(65 * time.Minute), Until: created, Imported: []string{dora.Incidents}, Removed: true, Unsettled: 2,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestRefusedTimes(t *testing.T) {
	for name, test := range map[string]struct {
		o    Options
		want string
	}{
		"until after the installation": {Options{Until: created.Add(time.Second)}, "-until must not be after 2026-03-06T10:02:30Z"},
		"since at the end":             {Options{Since: created}, "-since must be before 2026-03-06T10:02:30Z"},
		"since after until":            {Options{Since: before(time.Hour), Until: before(2 * time.Hour)}, "-since must be before 2026-03-06T08:00:00Z"},
	} {
		_, err := Run(t.Context(), &memory{}, test.o, NewOpenMetrics(&bytes.Buffer{}, nil))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

// A label set without labels is written as OpenMetrics has it.
func TestOpenMetricsWithoutLabels(t *testing.T) {
	var out bytes.Buffer
	if _, err := Run(t.Context(), &memory{facts: map[string][]dora.Fact{dora.Changes: facts("", time.Hour, 1)}}, Options{Every: time.Hour}, NewOpenMetrics(&out, nil)); err != nil {
		t.Fatal(err)
	}
	if want := "\ndora_changes_total{} 1 1772787600\n"; !strings.Contains(out.String(), want) { // 9:00
		t.Errorf("no line %q in\n%s", want, &out)
	}
}

// The text is what the exporter's own exposition says of the families, with the labels of the command, and escaped.
func TestOpenMetricsText(t *testing.T) {
	m := &memory{facts: map[string][]dora.Fact{
		dora.Changes:   {{Labels: dora.Labels{"team": "a\"b\\c\nd", "empty": ""}, At: created.Add(-1500 * time.Millisecond), Value: 1}},
		dora.Incidents: facts("a", time.Minute, 1),
	}}
	var out bytes.Buffer
	_, err := Run(t.Context(), m, Options{Every: time.Hour}, NewOpenMetrics(&out, dora.Labels{"job": "dora-exporter", "team": "no"}))
	if err != nil {
		t.Fatal(err)
	}
	want := `# HELP jira_incidents The amount of incidents.
# TYPE jira_incidents unknown
jira_incidents{job="dora-exporter",team="a"} 0 1772790900
jira_incidents{job="dora-exporter",team="a"} 1 1772791200
jira_incidents{job="dora-exporter",team="a"} 1 1772791349
jira_incidents{job="dora-exporter",team="a"} 0 1772791350
# HELP dora_changes Changes that reached the environment for the first time: pull requests, and commits without one.
# TYPE dora_changes counter
dora_changes_total{job="dora-exporter",team="a\"b\\c\nd"} 0 1772791050
dora_changes_total{job="dora-exporter",team="a\"b\\c\nd"} 1 1772791349
dora_changes_total{job="dora-exporter",team="a\"b\\c\nd"} 0 1772791350
# EOF
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
