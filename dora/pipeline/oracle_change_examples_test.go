package pipeline_test

import "time"

// What deployments ship.
var changeExamples = []example{
	{
		// Version commits beside main. B1: 5 09:00 to 10:00. #3: 6 09:00 to 9 10:00 = 73 h, #4: 7 09:00 to 9 10:00 = 49 h, B2: 9 09:00
		// to 10:00. #5: 10 09:00 to 12 10:00 = 49 h, B3 1 h. In all 174 h.
		name: "release tags beside main",
		happens: func(s *story) {
			s.commit("V0", on("2 08:00"))
			s.squash(2, "4 09:00", "4 12:00", "V0")
			s.commit("B1", on("5 09:00"), "S2")
			s.squash(3, "6 09:00", "6 12:00", "S2")
			s.squash(4, "7 09:00", "7 12:00", "S3")
			s.commit("B2", on("9 09:00"), "S4")
			s.squash(5, "10 09:00", "10 12:00", "S4")
			s.commit("B3", on("12 09:00"), "S5")
			s.ship("B1", "5 10:00", "B2", "9 10:00", "B3", "12 10:00")
		},
		want: []string{"deployments production success 3", "changes production 6", "change_lead_time production 6 626400s"},
	},
	{
		// V0 1 h. The hotfix #10 30 min, from its branch. Main has #11 (3 07:00 to 15:00 = 8 h), and #10, which was there already.
		name: "a hotfix branch is deployed, and merged by a squash",
		happens: func(s *story) {
			s.commit("V0", on("2 09:00"))
			s.commit("h", on("3 11:00"), "V0")
			s.squash(11, "3 07:00", "3 09:00", "V0")
			s.commit("S10", on("3 14:00"), "S11").message = "Stop the crash (#10)"
			s.pull(10, on("3 11:05"), on("3 14:00"), "S10", "h").branch = "hotfix/crash"
			s.ship("V0", "2 10:00")
			s.deploy(12, "h", "hotfix/crash", "production", "3 11:30")
			s.deploy(13, "S10", "main", "production", "3 15:00")
		},
		want: []string{"deployments production success 3", "changes production 3", "change_lead_time production 3 34200s"},
	},
	{
		// In each environment, #1 begins with a: 3 09:00 to 10:00 = 1 h. b is older, but not deployed. In production, V0 1 h.
		name: "a hotfix branch is deployed, and its second commit is older",
		happens: func(s *story) {
			s.commit("V0", on("2 09:00"))
			s.commit("a", on("3 09:00"), "V0")
			s.commit("b", on("3 09:30"), "a").authored = on("3 08:00")
			s.pull(1, on("3 09:05"), time.Time{}, "", "a", "b").branch = "hotfix/crash"
			s.ship("V0", "2 10:00")
			s.deploy(12, "a", "hotfix/crash", "production", "3 10:00")
			s.deploy(13, "a", "hotfix/crash", "staging", "3 10:00")
		},
		want: []string{
			"deployments production success 2", "changes production 2", "change_lead_time production 2 7200s",
			"deployments staging success 1", "changes staging 1", "change_lead_time staging 1 3600s",
		},
	},
	{
		// #7 begins with p: 3 09:00 to 4 10:00 = 25 h. q is older, but was pushed after the test merge. V0 1 h.
		name: "the deployed commit is a test merge, and the next commit is older",
		happens: func(s *story) {
			s.commit("V0", on("2 09:00"))
			s.commit("p", on("3 09:00"), "V0")
			s.commit("T", on("4 09:01"), "V0", "p")
			s.commit("q", on("4 09:30"), "p").authored = on("3 08:00")
			s.pull(7, on("3 09:05"), time.Time{}, "", "p", "q")
			s.deploy(11, "V0", "main", "preview", "2 10:00")
			s.deploy(12, "T", "refs/pull/7/merge", "preview", "4 10:00")
		},
		want: []string{"deployments preview success 2", "changes preview 2", "change_lead_time preview 2 93600s"},
	},
	{
		// The upper pull request was merged into the branch of the lower one. Both ship: #1 began at 08:00 (5 h), #2 at 09:00 (4 h).
		name: "stacked pull requests, the upper one merged first",
		happens: func(s *story) {
			s.commit("V0", on("2 07:00"))
			s.commit("a", on("2 08:00"), "V0")
			s.commit("b", on("2 09:00"), "a")
			s.commit("S2", on("2 10:00"), "a").message = "Work of 2 (#2)"
			s.commit("S1", on("2 12:00"), "V0")
			s.pull(2, on("2 09:00"), on("2 10:00"), "S2", "b").base = "b1"
			s.pull(1, on("2 08:05"), on("2 12:00"), "S1", "a", "S2")
			s.ship("V0", "2 07:30", "S1", "2 13:00")
		},
		want: []string{"deployments production success 2", "changes production 3", "change_lead_time production 3 34200s"},
	},
	{
		// A release brings #1 and #2 by a merge: 3 08:00 and 4 08:00 to 6 10:00 = 74 h + 50 h. The second brings #3 and the revert #4 of #1:
		// 7 08:00 and 7 09:00 to 8 10:00 = 26 h + 25 h. V0 1 h. The revert is evidence against 12: 6 10:00 to 8 10:00 = 48 h.
		name: "release pull requests from develop, merged",
		happens: func(s *story) {
			s.defaultBranch = "develop"
			s.commit("V0", on("2 09:00"))
			s.squash(1, "3 08:00", "3 12:00", "V0")
			s.squash(2, "4 08:00", "4 12:00", "S1")
			s.commit("M1", on("6 09:00"), "V0", "S2").message = "Merge pull request #50 from acme/develop"
			q := s.pull(50, on("6 08:00"), on("6 09:00"), "M1", "S1", "S2")
			q.branch, q.base, q.author = "develop", "main", "bot"
			s.squash(3, "7 08:00", "7 10:00", "S2")
			s.squash(4, "7 09:00", "7 11:00", "S3").body = "Reverts acme/api#1"
			s.commit("M2", on("8 09:00"), "M1", "S4").message = "Merge pull request #51 from acme/develop"
			q = s.pull(51, on("8 08:00"), on("8 09:00"), "M2", "S3", "S4")
			q.branch, q.base = "develop", "main"
			s.ship("V0", "2 10:00", "M1", "6 10:00", "M2", "8 10:00")
		},
		want: []string{
			"deployments production success 3", "changes production 5", "change_lead_time production 5 633600s", "change_failures production revert 1",
			"failed_deployment_recovery production 1 172800s", "rework_deployments production revert 1",
		},
	},
	{
		// The body names the release pull request: 12 is bad, from 6 10:00 to 8 10:00. #1 74 h, #2 1 day later 26 h, V0 1 h.
		name: "a revert of a release pull request",
		happens: func(s *story) {
			s.commit("V0", on("2 09:00"))
			s.squash(1, "3 08:00", "3 12:00", "V0")
			s.commit("S50", on("6 09:00"), "V0").message = "Release (#50)"
			s.pull(50, on("6 08:00"), on("6 09:00"), "S50", "S1").branch = "develop"
			s.squash(2, "7 08:00", "7 10:00", "S50").body = "Reverts #50"
			s.ship("V0", "2 10:00", "S50", "6 10:00", "S2", "8 10:00")
		},
		want: []string{
			"deployments production success 3", "changes production 3", "change_lead_time production 3 363600s", "change_failures production revert 1",
			"failed_deployment_recovery production 1 172800s", "rework_deployments production revert 1",
		},
	},
	{
		// Each squashed release lists all of develop. The second brings #3 alone: 7 08:00 to 8 10:00 = 26 h. The first #1 and #2, 124 h.
		name: "release pull requests, squashed",
		happens: func(s *story) {
			s.commit("V0", on("2 09:00"))
			s.squash(1, "3 08:00", "3 12:00", "V0")
			s.squash(2, "4 08:00", "4 12:00", "S1")
			s.commit("S50", on("6 09:00"), "V0").message = "Release (#50)"
			s.pull(50, on("6 08:00"), on("6 09:00"), "S50", "S1", "S2").branch = "develop"
			s.squash(3, "7 08:00", "7 10:00", "S2")
			s.commit("S51", on("8 09:00"), "S50").message = "Release (#51)"
			s.pull(51, on("8 08:00"), on("8 09:00"), "S51", "S1", "S2", "S3").branch = "develop"
			s.ship("V0", "2 10:00", "S50", "6 10:00", "S51", "8 10:00")
		},
		want: []string{"deployments production success 3", "changes production 4", "change_lead_time production 4 543600s"},
	},
	{
		// x was pushed to develop: the release is a change that begins with it, 5 10:00 to 6 10:00. With #1 (74 h) and V0 (1 h): 99 h.
		name: "a release pull request with a commit of its own",
		happens: func(s *story) {
			s.commit("V0", on("2 09:00"))
			s.squash(1, "3 08:00", "3 12:00", "V0")
			s.commit("x", on("5 10:00"), "S1")
			s.commit("S50", on("6 09:00"), "V0").message = "Release (#50)"
			s.pull(50, on("6 08:00"), on("6 09:00"), "S50", "S1", "x").branch = "develop"
			s.ship("V0", "2 10:00", "S50", "6 10:00")
		},
		want: []string{"deployments production success 2", "changes production 3", "change_lead_time production 3 356400s"},
	},
	{
		// Direct fixes: 3 10:00 and 4 10:00 to 4 11:00 = 26 h. V0 1 h.
		name: "a back-merge claims nothing",
		happens: func(s *story) {
			s.defaultBranch = "develop"
			s.commit("V0", on("2 09:00"))
			s.commit("D", on("2 09:30"), "V0")
			s.commit("x", on("3 10:00"), "V0")
			s.commit("y", on("4 10:00"), "x")
			s.commit("BM", on("4 10:30"), "D", "y").message = "Merge pull request #70 from acme/main"
			q := s.pull(70, on("4 10:20"), on("4 10:30"), "BM", "x", "y")
			q.branch, q.base = "main", "develop"
			s.ship("V0", "2 10:00", "y", "4 11:00")
		},
		want: []string{"deployments production success 2", "changes production 3", "change_lead_time production 3 97200s"},
	},
	{
		// V0 1 h, x 1 h.
		name: "an open pull request from the default branch claims nothing",
		happens: func(s *story) {
			s.commit("V0", on("2 09:00"))
			s.commit("x", on("3 09:00"), "V0")
			q := s.pull(70, on("3 09:30"), time.Time{}, "", "x")
			q.branch, q.base = "main", "release"
			s.ship("V0", "2 10:00")
			s.deploy(12, "x", "v1.0", "production", "3 10:00")
		},
		want: []string{"deployments production success 2", "changes production 2", "change_lead_time production 2 7200s"},
	},
	{
		// Both commits of upstream are direct ones: 3 10:00 and 3 11:00 to 4 10:00 = 47 h. V0 1 h. The merge is no change.
		name: "a fork takes over commits with numbers of its upstream",
		happens: func(s *story) {
			s.commit("old", on("1 08:00"))
			s.commit("O12", on("1 09:00"), "old").message = "Ours (#12)"
			s.pull(12, on("1 08:00"), on("1 09:00"), "O12", "old")
			s.commit("V0", on("2 09:00"), "O12")
			s.commit("U1", on("3 10:00"), "O12").message = "Upstream fix (#12)"
			s.commit("U2", on("3 11:00"), "U1").message = "Upstream feature (#13)"
			s.commit("M", on("4 09:00"), "V0", "U2").message = "Merge remote-tracking branch 'upstream/main'"
			s.ship("V0", "2 10:00", "M", "4 10:00")
		},
		want: []string{"deployments production success 2", "changes production 3", "change_lead_time production 3 172800s"},
	},
	{
		// V0 1 h. #7: p 3 09:00 to 4 10:00 = 25 h.
		name: "the deployed commit is a test merge",
		happens: func(s *story) {
			s.commit("V0", on("2 09:00"))
			s.commit("p", on("3 09:00"), "V0")
			s.commit("T", on("4 09:01"), "V0", "p")
			s.pull(7, on("3 09:05"), time.Time{}, "", "p")
			s.deploy(11, "V0", "main", "preview", "2 10:00")
			s.deploy(12, "T", "refs/pull/7/merge", "preview", "4 10:00")
		},
		want: []string{"deployments preview success 2", "changes preview 2", "change_lead_time preview 2 93600s"},
	},
	{
		// #1 begins with its second commit: 4 h. x has a committer date: 1 h. y has no date to believe. V0 1 h.
		name: "author dates of 1970 and of the future",
		happens: func(s *story) {
			s.commit("V0", on("2 09:00"))
			p := s.commit("p", on("3 08:00"), "V0")
			p.authored, p.committed = time.Unix(0, 0), time.Unix(0, 0)
			s.commit("q", on("3 09:00"), "p")
			s.commit("S1", on("3 11:00"), "V0")
			s.pull(1, on("3 08:00"), on("3 11:00"), "S1", "p", "q")
			s.commit("x", on("3 12:00"), "S1").authored = on("30 09:00")
			y := s.commit("y", on("3 12:30"), "x")
			y.authored, y.committed = time.Unix(0, 0), time.Unix(0, 0)
			s.ship("V0", "2 10:00", "y", "3 13:00")
		},
		want: []string{
			"deployments production success 2", "changes production 4", "change_lead_time production 3 21600s",
			"lead_time_unavailable production implausible_date 1",
		},
	},
	{
		// GitHub never compares S1 and S2: 12 ships its own change. #1 2 h, #2 2 h, #3 2 h.
		name: "a comparison that never comes",
		happens: func(s *story) {
			s.releases()
			s.lost = [2]string{"S1", "S2"}
			s.ship("S1", "2 10:00", "S2", "3 10:00", "S3", "4 10:00")
		},
		want: []string{"deployments production success 3", "changes production 3", "change_lead_time production 3 21600s"},
	},
	{
		name: "the commits of a pull request never come",
		happens: func(s *story) {
			s.releases()
			s.lostPull = 2
			s.ship("S1", "2 10:00", "S2", "3 10:00")
		},
		want: []string{
			"deployments production success 2", "changes production 2", "change_lead_time production 1 7200s", "lead_time_unavailable production no_answer 1",
		},
	},
}
