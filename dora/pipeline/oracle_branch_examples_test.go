package pipeline_test

// What deployments ship that come from branches that are used, deployed or rebased more than once.
var branchExamples = []example{
	{
		// #1 began with a (2 08:00 to 13:00 = 5 h), #2 with b (5 08:00 to 13:00 = 5 h). V0 30 min.
		name: "a branch is used again after a squash",
		happens: func(s *story) {
			s.commit("V0", on("2 07:00"))
			s.commit("a", on("2 08:00"), "V0")
			s.commit("S1", on("2 12:00"), "V0")
			s.commit("b", on("5 08:00"), "a")
			s.commit("S2", on("5 12:00"), "S1")
			s.pull(1, on("2 08:05"), on("2 12:00"), "S1", "a")
			s.pull(2, on("5 08:05"), on("5 12:00"), "S2", "a", "b")
			s.ship("V0", "2 07:30", "S1", "2 13:00", "S2", "5 13:00")
		},
		want: []string{"deployments production success 3", "changes production 3", "change_lead_time production 3 37800s"},
	},
	{
		// The same with a rebase, both in one deployment on the 5th at 13:00: #1 77 h, #2 5 h. w 20 min.
		name: "a branch is used again after a rebase",
		happens: func(s *story) {
			s.commit("V0", on("2 07:00"))
			s.commit("a", on("2 08:00"), "V0")
			s.commit("w", on("2 07:10"), "V0")
			s.rebased("A", "a", on("2 12:00"), "w")
			s.commit("b", on("5 08:00"), "a")
			s.rebased("B", "b", on("5 12:00"), "A")
			s.pull(1, on("2 08:05"), on("2 12:00"), "A", "a")
			s.pull(2, on("5 08:05"), on("5 12:00"), "B", "a", "b")
			s.ship("w", "2 07:30", "B", "5 13:00")
		},
		want: []string{"deployments production success 2", "changes production 3", "change_lead_time production 3 296400s"},
	},
	{
		// Staging begins with #2, which lists a: 2 08:00 to 3 12:00 = 28 h. In production, a and b are no start of #1 then. It begins with B,
		// whose author date is that of b: 2 09:00 to 3 13:00 = 28 h. #2 begins with c there: 3 08:00 to 14:00 = 6 h.
		name: "a branch is used again after a rebase, and all of it is in another environment before",
		happens: func(s *story) {
			s.commit("V0", on("2 07:00"))
			s.commit("a", on("2 08:00"), "V0")
			s.commit("b", on("2 09:00"), "a")
			s.rebased("A", "a", on("2 11:00"), "V0")
			s.rebased("B", "b", on("2 11:00"), "A")
			s.commit("c", on("3 08:00"), "b")
			s.rebased("C", "c", on("3 11:00"), "B")
			s.pull(1, on("2 09:05"), on("2 11:00"), "B", "a", "b")
			s.pull(2, on("3 08:05"), on("3 11:00"), "C", "a", "b", "c")
			s.deploy(21, "C", "main", "staging", "3 12:00")
			s.ship("B", "3 13:00", "C", "3 14:00")
		},
		want: []string{
			"deployments staging success 1", "changes staging 1", "change_lead_time staging 1 100800s",
			"deployments production success 2", "changes production 2", "change_lead_time production 2 122400s",
		},
	},
	{
		// The second branch patch-1 has never had f, so #2 claims its commits: #2 began with g1, 3 08:00 to 11:00 = 3 h. V0 30 min, #1 2 h. In the
		// preview #1 30 min.
		name: "a branch is deployed, merged and deleted, and its name is used again",
		happens: func(s *story) {
			s.commit("V0", on("2 07:00"))
			s.squash(1, "2 08:00", "2 09:00", "V0").branch = "patch-1"
			s.commit("g1", on("3 08:00"), "S1")
			s.commit("g2", on("3 09:00"), "g1")
			s.commit("M2", on("3 10:00"), "S1", "g2").message = "Merge pull request #2 from acme/patch-1"
			s.pull(2, on("3 09:05"), on("3 10:00"), "M2", "g1", "g2").branch = "patch-1"
			s.deploy(21, "f1", "patch-1", "preview", "2 08:30")
			s.ship("V0", "2 07:30", "S1", "2 10:00", "M2", "3 11:00")
		},
		want: []string{
			"deployments preview success 1", "changes preview 1", "change_lead_time preview 1 1800s",
			"deployments production success 3", "changes production 3", "change_lead_time production 3 19800s",
		},
	},
	{
		// The branch never had a since it was rebased, so #1 claims its commits: it began with A, 2 08:00 to 11:00 = 3 h. V0 30 min, d 2 h. In the
		// preview a 30 min.
		name: "a branch is deployed, rebased and merged",
		happens: func(s *story) {
			s.commit("V0", on("2 07:00"))
			s.commit("a", on("2 08:00"), "V0")
			s.commit("d", on("2 09:00"), "V0")
			s.rebased("A", "a", on("2 09:10"), "d")
			s.commit("b", on("2 09:30"), "A")
			s.commit("M1", on("2 10:00"), "d", "b").message = "Merge pull request #1 from acme/b1"
			s.pull(1, on("2 08:05"), on("2 10:00"), "M1", "A", "b")
			s.deploy(21, "a", "b1", "preview", "2 08:30")
			s.ship("V0", "2 07:30", "M1", "2 11:00")
		},
		want: []string{
			"deployments preview success 1", "changes preview 1", "change_lead_time preview 1 1800s",
			"deployments production success 2", "changes production 3", "change_lead_time production 3 19800s",
		},
	},
	{
		// develop had S1 before, so #50 claims nothing of what it carries: x is a direct commit, 3 08:00 to 10:00 = 2 h, as in staging from 09:00 = 1 h.
		// #1 2 h in staging, 25 h 40 min in production. V0 30 min.
		name: "a branch that is deployed is taken to another one again",
		happens: func(s *story) {
			s.commit("V0", on("2 07:00"))
			s.squash(1, "2 08:00", "2 09:00", "V0").base = "develop"
			s.commit("M49", on("2 10:30"), "V0", "S1").message = "Merge pull request #49 from acme/develop"
			q := s.pull(49, on("2 10:10"), on("2 10:30"), "M49", "S1")
			q.branch = "develop"
			s.commit("x", on("3 08:00"), "S1")
			s.commit("M50", on("3 09:30"), "M49", "x").message = "Merge pull request #50 from acme/develop"
			s.pull(50, on("3 09:10"), on("3 09:30"), "M50", "x").branch = "develop"
			s.deploy(21, "S1", "develop", "staging", "2 10:00")
			s.deploy(22, "x", "develop", "staging", "3 09:00")
			s.ship("V0", "2 07:30", "M49", "3 09:40", "M50", "3 10:00")
		},
		want: []string{
			"deployments staging success 2", "changes staging 2", "change_lead_time staging 2 10800s",
			"deployments production success 3", "changes production 3", "change_lead_time production 3 101400s",
		},
	},
	{
		// 12 brought #1, from a1 3 08:00 to 10:00 = 2 h. 13 diverged from it, and has b, 3 09:00 to 12:00 = 3 h, and #1 again as A1 and A2. V0 1 h.
		name: "a branch is deployed, and rebased when it is merged",
		happens: func(s *story) {
			s.commit("V0", on("2 09:00"))
			s.commit("a1", on("3 08:00"), "V0")
			s.commit("a2", on("3 08:30"), "a1")
			s.commit("b", on("3 09:00"), "V0")
			s.rebased("A1", "a1", on("3 11:00"), "b")
			s.rebased("A2", "a2", on("3 11:00"), "A1")
			s.pull(1, on("3 08:35"), on("3 11:00"), "A2", "a1", "a2").branch = "hotfix"
			s.ship("V0", "2 10:00")
			s.deploy(12, "a2", "hotfix", "production", "3 10:00")
			s.deploy(13, "A2", "main", "production", "3 12:00")
		},
		want: []string{"deployments production success 3", "changes production 3", "change_lead_time production 3 21600s"},
	},
}
