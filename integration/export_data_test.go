package integration

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/persistence/sqlite"
)

const (
	// exportedDays is for how many days before the installation there is History.
	exportedDays = 120
	// asked is how many days before the installation the queries are asked.
	asked = 20
)

var exportedScope = dora.Labels{"environment": "production", "owner": "acme", "repo": "web", "team": "Platform"}

// storeHistory makes the store of an exporter that has just been installed, with a History in which each of so many days is the same. It
// returns the midnight before the installation, where that History ends.
//
// Each day has two successful deployments (9:00, 15:00), the second of which is a failed change and a rework, and one that failed (12:00).
// Each success ships two changes, of 1000 and of 5000 seconds. An incident is opened (10:00) and one is resolved (16:00). An environment
// of another name had two deployments, three days before the end.
func storeHistory(t *testing.T, e *exporter) (end time.Time) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(e.folder, "dora-exporter.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	end = s.Created().Truncate(dora.Day)
	err = s.Update(t.Context(), func(tx dora.Tx) error {
		n := 0
		add := func(family string, labels dora.Labels, at time.Time, value int64) error {
			n++
			_, err := tx.Facts().Add(dora.Fact{Family: family, Labels: labels.OfHistory(), Value: value, At: at, ID: int64(n), Subject: fmt.Sprintf("test:%d", n)})
			return err
		}
		for day := range exportedDays {
			if err := addDay(end.AddDate(0, 0, -1-day), add); err != nil {
				return err
			}
		}
		staging := exportedScope.With("environment", "staging").With("outcome", "success")
		for range 2 {
			if err := add(dora.Deployments, staging, end.AddDate(0, 0, -3), 1); err != nil {
				return err
			}
		}
		for n, resolved := range []bool{false, true} {
			if err := tx.Incidents().Save(exportedIncident(fmt.Sprint(n), end, resolved)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return end
}

// addDay adds the facts of a day.
func addDay(midnight time.Time, add func(family string, labels dora.Labels, at time.Time, value int64) error) error {
	const second = 1000
	at := func(hour int) time.Time { return midnight.Add(time.Duration(hour) * time.Hour) }
	status := func(state string) dora.Labels {
		return dora.Labels{"environment": "production", "repo": "web", "status": state, "team": "Platform"}
	}
	issue := dora.Labels{"priority": "High", "project": "INC", "team": "Platform"}
	project := dora.Labels{"project": "INC", "team": "Platform"}
	type row struct {
		family string
		labels dora.Labels
		hour   int
		value  int64
	}
	rows := []row{
		{dora.Deployments, exportedScope.With("outcome", "failure"), 12, 1},
		{dora.DeploymentRun, exportedScope, 12, 100 * second},
		{dora.DeploymentsTotal, status("failure"), 12, 1},
		{dora.DeploymentsDurationSum, status("failure"), 12, 600 * second},
		{dora.LeadTimeUnavailable, exportedScope.With("reason", "not_found"), 15, 1},
		{dora.ChangeFailures, exportedScope.With("cause", "rollback"), 15, 1},
		{dora.ReworkDeployments, exportedScope.With("cause", "rollback"), 15, 1},
		{dora.Recovery, exportedScope, 15, 2700 * second},
		{dora.IncidentsOpened, issue, 10, 1},
		{dora.IncidentRecovery, issue, 16, 3000 * second},
		{dora.Incidents, project, 16, 1},
		{dora.IncidentsDurationSum, project, 16, 1800 * second},
	}
	for _, hour := range []int{9, 15} {
		rows = append(rows, row{dora.Deployments, exportedScope.With("outcome", "success"), hour, 1},
			row{dora.DeploymentTimestamp, exportedScope, hour, at(hour).UnixMilli()}, row{dora.DeploymentRun, exportedScope, hour, 100 * second},
			row{dora.DeploymentsTotal, status("success"), hour, 1}, row{dora.DeploymentsDurationSum, status("success"), hour, 3600 * second},
			row{dora.DeploymentsDuration, status("success"), hour, 3600 * second})
		for _, lead := range []int64{1000, 5000} {
			rows = append(rows, row{dora.Changes, exportedScope, hour, 1}, row{dora.LeadTime, exportedScope, hour, lead * second},
				row{dora.LeadTimeStage, exportedScope.With("stage", "coding"), hour, 4000 * second},
				row{dora.LeadTimeStage, exportedScope.With("stage", "review"), hour, 2000 * second},
				row{dora.LeadTimeStage, exportedScope.With("stage", "deploy"), hour, 1000 * second})
		}
	}
	for _, r := range rows {
		if err := add(r.family, r.labels, at(r.hour), r.value); err != nil {
			return err
		}
	}
	return nil
}

// exportedIncident was created 100 days before the end and, if it is resolved, resolved 50 days before.
func exportedIncident(id string, end time.Time, resolved bool) dora.Incident {
	change := dora.IncidentChange{
		Event: dora.IssueCreated, Host: "jira.example.com", ID: id, Key: "INC-" + id, Project: "INC", Type: "Incident", Priority: "High",
		StatusName: "Open", StatusCategory: "new", Created: end.AddDate(0, 0, -100),
	}
	i := dora.Incident{
		Key: change.IssueKey(), Name: change.Key, Project: "INC", Priority: "High", Teams: []string{"Platform"}, IsIncident: true, History: true, Created: change.Created,
		Events: []dora.IncidentEvent{{IncidentChange: change, At: change.Created, ProjectTeam: "Platform"}},
	}
	if resolved {
		change.Event, change.StatusName, change.StatusCategory = "jira:issue_updated", "Done", "done"
		i.Events = append(i.Events, dora.IncidentEvent{IncidentChange: change, At: end.AddDate(0, 0, -50), ProjectTeam: "Platform"})
	}
	return i
}
