package pipeline_test

// Which deployments follow one another, and which count.
var scopeExamples = []example{
	{
		name: "two spellings of an environment are one",
		happens: func(s *story) {
			s.releases()
			s.deploy(11, "S1", "main", "Production", "2 10:00")
			s.deploy(12, "S2", "main", "production", "3 10:00")
			s.deploy(13, "S1", "main", "PRODUCTION", "3 11:00")
		},
		want: []string{
			"deployments production success 3", "changes production 2", "change_lead_time production 2 14400s", "change_failures production rollback 1",
			"failed_deployment_recovery production 1 3600s", "rework_deployments production rollback 1",
		},
	},
	{
		name: "a renamed repository goes on, also when a payload lacks the id",
		happens: func(s *story) {
			s.releases()
			s.deploy(11, "S1", "main", "production", "2 10:00").repository = "api-old"
			s.deploy(12, "S1", "main", "production", "3 10:00")
			s.deploy(13, "S3", "main", "production", "4 10:00")
			s.sent[2].withoutID = true
		},
		want: []string{"deployments production success 3", "changes production 3", "change_lead_time production 3 108000s"}, // 2 h, 26 h, 2 h
	},
	{
		name: "tasks are scopes of their own, and some are no deployments",
		happens: func(s *story) {
			s.releases()
			s.deploy(11, "S1", "main", "production", "2 10:00").task = "deploy:api"
			s.deploy(12, "S1", "main", "production", "2 10:00").task = "deploy:web"
			s.deploy(13, "S2", "main", "production", "3 10:00").task = "deploy:api"
			s.deploy(14, "S2", "main", "production", "3 10:00").task = "remove"
			s.deploy(15, "S2", "main", "production", "3 10:00").task = "deploy:web"
		},
		want: []string{"deployments production success 4", "changes production 4", "change_lead_time production 4 28800s"},
	},
	{
		// Staging 2 h each. Production #1 at 11:00 = 3 h, #2 at 12:00 = 4 h. It fails there alone.
		name: "a deployment is promoted by a status",
		happens: func(s *story) {
			s.releases()
			s.deploy(11, "S1", "main", "staging", "2 10:00")
			s.deploy(12, "S1", "main", "production", "2 11:00")
			d := s.deploy(13, "S2", "main", "staging", "3 10:00")
			s.status(d, "success", "3 12:00").environment = "production"
			s.status(d, "failure", "3 12:30").environment = "production"
		},
		want: []string{
			"deployments staging success 2", "deployments production success 2", "deployments production failure 1", "changes staging 2", "changes production 2",
			"change_lead_time staging 2 14400s", "change_lead_time production 2 25200s", "change_failures production status 1",
		},
	},
	{
		name: "ignored deployments are no neighbours",
		happens: func(s *story) {
			s.releases()
			s.ignore = []map[string]string{{"ref": "feature", "environment": "production"}, {"workflow": `.*/nightly\.yml`}}
			s.deploy(11, "S1", "main", "production", "2 10:00")
			s.deploy(12, "f2", "feature", "production", "3 08:30")
			s.deploy(13, "S1", "main", "production", "3 09:00").workflowPath = ".github/workflows/nightly.yml"
			s.deploy(14, "f2", "feature", "preview", "3 10:00")
		},
		want: []string{
			"deployments production success 1", "deployments preview success 1", "changes production 1", "changes preview 1",
			"change_lead_time production 1 7200s", "change_lead_time preview 1 7200s",
		},
	},
	{
		name: "production by its name",
		happens: func(s *story) {
			s.releases()
			for i, name := range []string{"eu-production", "aws/prod", "prod1", "PRD"} {
				s.status(s.deploy(int64(11+i), "S1", "main", name, "2 10:00"), "failure", "2 11:00")
			}
		},
		want: []string{
			"change_failures aws/prod status 1", "change_failures eu-production status 1", "change_failures prd status 1", "change_failures prod1 status 1",
			"change_lead_time aws/prod 1 7200s", "change_lead_time eu-production 1 7200s", "change_lead_time prd 1 7200s", "change_lead_time prod1 1 7200s",
			"changes aws/prod 1", "changes eu-production 1", "changes prd 1", "changes prod1 1",
			"deployments aws/prod failure 1", "deployments aws/prod success 1", "deployments eu-production failure 1", "deployments eu-production success 1",
			"deployments prd failure 1", "deployments prd success 1", "deployments prod1 failure 1", "deployments prod1 success 1",
		},
	},
	{
		name: "no production by its name",
		happens: func(s *story) {
			s.releases()
			for i, name := range []string{"preprod", "non-production", "delivery"} {
				s.status(s.deploy(int64(11+i), "S1", "main", name, "2 10:00"), "failure", "2 11:00")
			}
		},
		want: []string{
			"change_lead_time delivery 1 7200s", "change_lead_time non-production 1 7200s", "change_lead_time preprod 1 7200s", "changes delivery 1",
			"changes non-production 1", "changes preprod 1", "deployments delivery failure 1", "deployments delivery success 1",
			"deployments non-production failure 1", "deployments non-production success 1", "deployments preprod failure 1", "deployments preprod success 1",
		},
	},
}
