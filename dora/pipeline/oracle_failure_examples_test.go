package pipeline_test

// Failed changes and their repair. Each pull request ships two hours after it was begun.
var failureExamples = []example{
	{
		name: "a new success of the old deployment is a rollback, and no deployment or rework",
		happens: func(s *story) {
			s.releases()
			d := s.deploy(11, "S1", "main", "production", "2 10:00")
			s.deploy(12, "S2", "main", "production", "3 10:00")
			s.status(d, "inactive", "3 10:01")
			s.status(d, "success", "3 11:00")
		},
		want: []string{
			"deployments production success 2", "changes production 2", "change_lead_time production 2 14400s", "change_failures production rollback 1",
			"failed_deployment_recovery production 1 3600s",
		},
	},
	{
		name: "back to a tag and forward again",
		happens: func(s *story) {
			s.releases()
			s.commit("B1", on("2 09:30"), "S1")
			s.commit("B2", on("3 09:30"), "S2")
			s.ship("B1", "2 10:00", "B2", "3 10:00", "B1", "3 11:00", "B2", "3 12:00")
		},
		want: []string{ // B1 30 min, B2 30 min, #2 2 h
			"deployments production success 4", "changes production 3", "change_lead_time production 3 10800s", "change_failures production rollback 1",
			"failed_deployment_recovery production 1 3600s", "rework_deployments production rollback 1",
		},
	},
	{
		name: "a slow job of an older release is no rollback",
		happens: func(s *story) {
			s.releases()
			s.ship("S1", "2 10:00", "S2", "3 10:00")
			s.deploy(13, "S1", "main", "production", "3 10:30").created = on("3 09:00")
		},
		want: []string{"deployments production success 3", "changes production 2", "change_lead_time production 2 14400s"},
	},
	{
		// 12 is bad, since it came next after the latest run of S1: 3 10:00 to 4 11:00 = 25 h.
		name: "V1 V2 V3 V1",
		happens: func(s *story) {
			s.releases()
			s.ship("S1", "2 10:00", "S2", "3 10:00", "S3", "4 10:00", "S1", "4 11:00")
		},
		want: []string{
			"deployments production success 4", "changes production 3", "change_lead_time production 3 21600s", "change_failures production rollback 1",
			"failed_deployment_recovery production 1 90000s", "rework_deployments production rollback 1",
		},
	},
	{
		name: "a replaced deployment fails later",
		happens: func(s *story) {
			s.releases()
			d := s.deploy(11, "S1", "main", "production", "2 10:00")
			s.deploy(12, "S2", "main", "production", "3 10:00")
			s.status(d, "error", "3 12:00")
			s.deploy(13, "S3", "main", "production", "4 10:00")
		},
		want: []string{
			"deployments production success 3", "deployments production failure 1", "changes production 3", "change_lead_time production 3 21600s",
		},
	},
	{
		name: "success, failure, success",
		happens: func(s *story) {
			s.releases()
			d := s.deploy(11, "S1", "main", "production", "2 10:00")
			s.status(d, "failure", "2 11:00")
			s.status(d, "success", "2 11:10")
			s.deploy(12, "S2", "main", "production", "3 10:00")
		},
		want: []string{
			"deployments production success 2", "deployments production failure 1", "changes production 2", "change_lead_time production 2 14400s",
			"change_failures production status 1", "failed_deployment_recovery production 1 4200s",
		},
	},
	{
		name: "the next deployment repairs a failing status",
		happens: func(s *story) {
			s.releases()
			d := s.deploy(11, "S1", "main", "production", "2 10:00")
			s.status(d, "failure", "2 11:00")
			s.deploy(12, "S2", "main", "production", "3 10:00")
		},
		want: []string{
			"deployments production success 2", "deployments production failure 1", "changes production 2", "change_lead_time production 2 14400s",
			"change_failures production status 1", "failed_deployment_recovery production 1 86400s", "rework_deployments production status 1",
		},
	},
	{
		name: "an older deployment runs again and fails then",
		happens: func(s *story) {
			s.releases()
			d := s.deploy(11, "S1", "main", "production", "2 10:00")
			s.deploy(12, "S2", "main", "production", "3 10:00")
			s.status(d, "success", "3 11:00")
			s.status(d, "failure", "3 12:00")
		},
		want: []string{
			"deployments production success 2", "deployments production failure 1", "changes production 2", "change_lead_time production 2 14400s",
			"change_failures production rollback 1", "change_failures production status 1", "failed_deployment_recovery production 1 3600s",
		},
	},
	{
		name: "a title alone is a revert if one change is called so",
		happens: func(s *story) {
			s.releases()
			s.pulls[1].title = `Revert "Work of 1"`
			s.ship("S1", "2 10:00", "S2", "3 10:00")
		},
		want: []string{
			"deployments production success 2", "changes production 2", "change_lead_time production 2 14400s", "change_failures production revert 1",
			"failed_deployment_recovery production 1 86400s", "rework_deployments production revert 1",
		},
	},
	{
		name: "a title alone is none if two changes are called so",
		happens: func(s *story) {
			s.releases()
			s.pulls[1].title, s.pulls[2].title = "Work of 1", `Revert "Work of 1"`
			s.ship("S1", "2 10:00", "S2", "3 10:00", "S3", "4 10:00")
		},
		want: []string{"deployments production success 3", "changes production 3", "change_lead_time production 3 21600s"},
	},
	{
		// 14 diverged from the hotfix 13. The release #50 is among the commits since their merge base, but 12 had brought it: 3 11:00 to 5 13:00 =
		// 50 h. V0 1 h, #1 3 h, h 1 h, x 1 h.
		name: "an incident names a release from before a hotfix",
		happens: func(s *story) {
			s.commit("V0", on("2 09:00"))
			s.squash(1, "3 08:00", "3 09:00", "V0")
			s.commit("S50", on("3 10:00"), "V0").message = "Release (#50)"
			s.pull(50, on("3 09:30"), on("3 10:00"), "S50", "S1").branch = "develop"
			s.commit("h", on("4 09:00"), "V0")
			s.commit("x", on("5 09:00"), "S50")
			s.ship("V0", "2 10:00", "S50", "3 11:00", "h", "4 10:00", "x", "5 10:00")
			s.incident("5 12:00", "5 13:00", 50)
		},
		want: []string{
			"deployments production success 4", "changes production 4", "change_lead_time production 4 21600s", "change_failures production incident 1",
			"failed_deployment_recovery production 1 180000s", "incidents_opened 1", "incident_recovery  1 3600s",
		},
	},
	{
		// The same with #1 itself: 12 brought it.
		name: "an incident names a change from before a hotfix",
		happens: func(s *story) {
			s.commit("V0", on("2 09:00"))
			s.squash(1, "3 08:00", "3 09:00", "V0")
			s.commit("h", on("4 09:00"), "V0")
			s.commit("x", on("5 09:00"), "S1")
			s.ship("V0", "2 10:00", "S1", "3 11:00", "h", "4 10:00", "x", "5 10:00")
			s.incident("5 12:00", "5 13:00", 1)
		},
		want: []string{
			"deployments production success 4", "changes production 4", "change_lead_time production 4 21600s", "change_failures production incident 1",
			"failed_deployment_recovery production 1 180000s", "incidents_opened 1", "incident_recovery  1 3600s",
		},
	},
	{
		// The second release lists #1 again, but 12 had brought it: 3 11:00 to 5 13:00 = 50 h. V0 1 h, #1 3 h, #2 26 h.
		name: "an incident names a change that a squashed release lists again",
		happens: func(s *story) {
			s.commit("V0", on("2 09:00"))
			s.squash(1, "3 08:00", "3 09:00", "V0")
			s.commit("S50", on("3 10:00"), "V0").message = "Release (#50)"
			s.pull(50, on("3 09:30"), on("3 10:00"), "S50", "S1").branch = "develop"
			s.squash(2, "4 08:00", "4 09:00", "S1")
			s.commit("S51", on("5 09:00"), "S50").message = "Release (#51)"
			s.pull(51, on("5 08:30"), on("5 09:00"), "S51", "S1", "S2").branch = "develop"
			s.ship("V0", "2 10:00", "S50", "3 11:00", "S51", "5 10:00")
			s.incident("5 12:00", "5 13:00", 1)
		},
		want: []string{
			"deployments production success 3", "changes production 3", "change_lead_time production 3 108000s", "change_failures production incident 1",
			"failed_deployment_recovery production 1 180000s", "incidents_opened 1", "incident_recovery  1 3600s",
		},
	},
}
