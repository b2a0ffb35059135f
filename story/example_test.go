package story

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"dora-exporter/demo"
)

// example is the month of docs/dora.md: what its tables tell, as webhooks in the order of their times.
type example struct {
	t         *testing.T
	api, shop *demo.Repository
	events    []webhook
	statuses  int64
}

// at is a time of March 2026, written as in the document: the day and the clock.
func at(day int, clock string) time.Time {
	of, err := time.Parse("15:04", clock)
	if err != nil {
		panic(err)
	}
	return time.Date(2026, 3, day, of.Hour(), of.Minute(), 0, 0, time.UTC)
}

var exampleSecrets = demo.Secrets{GitHub: gitHubSecret, Jira: jiraSecret}

func newExample(t *testing.T) *example {
	x := &example{t: t, api: demo.NewRepository("acme", "api"), shop: demo.NewRepository("acme", "shop")}
	x.ofShop(x.ofAPI())
	return x
}

// github serves the example's repositories.
func (x *example) github() string {
	server := httptest.NewServer(demo.NewGitHub(x.api, x.shop))
	x.t.Cleanup(server.Close)
	return server.URL
}

// exporter is configured as in the document.
func (x *example) exporter(settle time.Duration) *exporter {
	e := newExporter(x.t, x.github())
	e.write("config.yml", fmt.Sprintf(`
server: {host: 127.0.0.1, port: %q}
github: {base_url: %q, webhook_secret: %s}
jira: {webhook_secret: %s}
deployments: {settle: %s}
teams:
  - {name: Platform, github_repositories: [acme/api], jira_projects: [OPS]}
  - {name: Shop, github_repositories: [acme/shop], jira_projects: [SHOP]}
failures:
  incident_window: 2h
  hotfix: {branches: ["hotfix/*"]}
`, port(e.address), x.github(), gitHubSecret, jiraSecret, settle))
	return e
}

// deploys are the commits that the deployments of acme/api name.
type deploys struct{ a0, m1, c3, r4, m5, s6, m7, s8, m9, s10, s11 string }

// ofAPI commits what the first table tells.
func (x *example) ofAPI() (d deploys) {
	push := func(message string, when time.Time) string {
		return x.api.Push(demo.Commit{Author: "ann", Message: message, Written: when})
	}
	commit := func(message string, when time.Time) demo.Commit { return demo.Commit{Message: message, Written: when} }
	pull := func(how demo.Method, merged time.Time, p demo.PullRequest, work ...demo.Commit) string {
		opened, _ := x.api.Open(p, "", work...)
		return x.api.Merge(opened, how, merged)
	}
	push("Begin", time.Date(2026, 2, 27, 12, 0, 0, 0, time.UTC))
	d.a0 = push("Answer requests", at(2, "09:00"))
	d.m1 = pull(demo.Merge, at(4, "11:00"), demo.PullRequest{Author: "ann", Branch: "search", Title: "Search", Opened: at(3, "16:00")},
		commit("Find names", at(3, "09:00")), commit("Find numbers", at(3, "15:00")))
	pull(demo.Squash, at(6, "14:00"), demo.PullRequest{Author: "bob", Branch: "limit", Title: "Limit the rate", Opened: at(5, "12:00")},
		commit("Count calls", at(5, "10:00")), commit("Refuse more", at(5, "11:30")))
	pull(demo.Squash, at(6, "14:10"), demo.PullRequest{Author: "dependabot[bot]", Branch: "dependabot/x", Title: "Bump x", Opened: at(5, "20:01")},
		commit("Bump x", at(5, "20:00")))
	d.c3 = push("Correct a word", at(6, "14:30"))
	d.r4 = pull(demo.Rebase, at(6, "15:50"), demo.PullRequest{Author: "bob", Branch: "repair", Title: "Repair the limit", Opened: at(6, "15:45")},
		commit("Count again", at(6, "15:30")), commit("Test it", at(6, "15:40")))
	d.m5 = pull(demo.Merge, at(9, "09:45"), demo.PullRequest{Author: "ann", Branch: "login", Title: "Log in", Opened: at(9, "08:00")},
		commit("Log in", at(8, "18:00")))
	d.s6 = pull(demo.Squash, at(10, "11:10"), demo.PullRequest{Author: "ann", Branch: "slow", Title: "Log in faster", Opened: at(10, "09:40")},
		commit("Ask once", at(10, "09:30")))
	d.m7 = pull(demo.Merge, at(16, "09:00"), demo.PullRequest{Author: "bob", Branch: "prices", Title: "Round prices", Opened: at(13, "10:00")},
		commit("Round prices", at(12, "10:00")))
	d.s8 = pull(demo.Squash, at(17, "09:00"), demo.PullRequest{Author: "bob", Branch: "stock", Title: "Show the stock", Opened: at(16, "16:00")},
		commit("Show the stock", at(16, "12:00")))
	d.m9 = pull(demo.Merge, at(19, "09:30"),
		demo.PullRequest{Author: "ann", Branch: "revert-8", Title: `Revert "Show the stock"`, Body: "Reverts acme/api#8", Opened: at(19, "08:05")},
		commit(`Revert "Show the stock (#8)"`+"\n\nThis reverts commit "+d.s8+".", at(19, "08:00")))
	d.s10 = pull(demo.Squash, at(20, "09:40"),
		demo.PullRequest{Author: "bob", Branch: "revert-9", Title: "Show the stock again", Body: "Reverts acme/api#9", Opened: at(20, "09:10")},
		commit("Show it", at(20, "09:00")))
	d.s11 = pull(demo.Squash, at(23, "13:50"), demo.PullRequest{Author: "ann", Branch: "hotfix/login", Title: "Let people in", Opened: at(23, "13:35")},
		commit("Let people in", at(23, "13:30")))
	return d
}

// ofShop commits what acme/shop's table tells, and then tells of all deployments and incidents.
func (x *example) ofShop(d deploys) {
	push := func(message string, when time.Time) string {
		return x.shop.Push(demo.Commit{Author: "eve", Message: message, Written: when})
	}
	w0 := push("Begin", at(2, "08:00"))
	one, _ := x.shop.Open(demo.PullRequest{Author: "eve", Branch: "basket", Title: "A basket", Opened: at(3, "12:00")}, "",
		demo.Commit{Message: "A basket", Written: at(3, "09:00")})
	s1 := x.shop.Merge(one, demo.Squash, at(3, "15:00"))
	t2 := push("From the future", time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	_, v1 := x.shop.Open(demo.PullRequest{Author: "eve", Branch: "vouchers", Title: "Vouchers", Opened: at(12, "16:00")}, s1,
		demo.Commit{Message: "Vouchers", Written: at(12, "15:00")})
	t3 := push("Sort the basket", at(13, "13:00"))
	issue := func(id int64, key, priority string, created time.Time, text string) demo.Issue {
		return demo.Issue{ID: id, Key: key, Type: "Incident", Priority: priority, Created: created, Summary: "Something is wrong", Description: text}
	}

	x.deployed(x.api, 101, "production", d.a0, at(2, "10:00"), success(at(2, "10:05")))
	x.deployed(x.api, 102, "production", d.m1, at(4, "12:00"), success(at(4, "12:10")))
	x.deployed(x.api, 103, "production", d.m1, at(5, "09:00"), success(at(5, "09:03")))
	x.deployed(x.api, 104, "production", d.c3, at(6, "15:00"), success(at(6, "15:06")), outcome{"failure", at(6, "15:20")})
	x.deployed(x.api, 105, "production", d.r4, at(6, "16:00"), success(at(6, "16:06")))
	x.deployed(x.api, 106, "production", d.m5, at(9, "10:00"), outcome{"error", at(9, "10:30")})
	x.deployed(x.api, 107, "production", d.m5, at(9, "11:00"), success(at(9, "11:05")))

	ops1 := issue(1, "OPS-1", "High", at(10, "09:00"), "Nobody can log in since https://github.com/acme/api/pull/5")
	x.issue(demo.Created, ops1, at(10, "09:00"))
	x.deployed(x.api, 108, "production", d.s6, at(10, "11:15"), success(at(10, "11:20")))
	ops1.Description += "\nRepaired by https://github.com/acme/api/pull/6"
	ops1.Resolved = at(10, "11:30")
	x.issue(demo.Updated, ops1, at(10, "11:30"), "status", "resolution", "description")
	ops1.Resolved = time.Time{}
	x.issue(demo.Updated, ops1, at(11, "08:00"), "status", "resolution")
	ops1.Resolved = at(11, "10:00")
	x.issue(demo.Updated, ops1, at(11, "10:00"), "status", "resolution")

	x.deployed(x.api, 109, "production", d.m7, at(16, "10:00"), success(at(16, "10:04")))
	x.deployed(x.api, 110, "production", d.s6, at(16, "11:00"), success(at(16, "11:04")))
	x.deployed(x.api, 111, "production", d.s8, at(17, "10:00"), success(at(17, "10:05")))
	x.deployed(x.api, 112, "production", d.m9, at(19, "10:00"), success(at(19, "10:05")))
	x.deployed(x.api, 113, "production", d.s10, at(20, "10:00"), success(at(20, "10:05")))
	x.deployed(x.api, 114, "production", d.s11, at(23, "14:00"), success(at(23, "14:03")))

	x.deployed(x.shop, 201, "staging", w0, at(2, "09:00"), success(at(2, "09:02")))
	x.deployed(x.shop, 202, "production", w0, at(2, "10:00"), success(at(2, "10:02")))
	x.deployed(x.shop, 203, "staging", s1, at(3, "15:10"), success(at(3, "15:12")), outcome{"failure", at(3, "15:30")})
	x.deployed(x.shop, 204, "production", s1, at(4, "09:00"), success(at(4, "09:02")))
	x.deployed(x.shop, 205, "production", t2, at(5, "10:00"), success(at(5, "10:04")))
	shop1 := issue(2, "SHOP-1", "Highest", at(5, "11:00"), "Baskets are empty")
	x.issue(demo.Created, shop1, at(5, "11:00"))
	shop1.Resolved = at(5, "11:30")
	x.issue(demo.Updated, shop1, at(5, "11:30"), "status", "resolution")
	shop2 := issue(3, "SHOP-2", "Medium", at(11, "16:00"), "The network is slow")
	x.issue(demo.Created, shop2, at(11, "16:00"))
	shop2.Key = "OPS-2"
	x.issue(demo.Updated, shop2, at(11, "17:00"), "project", "Key")
	shop3 := issue(4, "SHOP-3", "Low", at(12, "10:00"), "A mistake")
	x.issue(demo.Created, shop3, at(12, "10:00"))
	x.issue(demo.Deleted, shop3, at(12, "10:10"))
	x.deployedFrom("vouchers", x.shop, 206, "production", v1, at(13, "10:00"), success(at(13, "10:05")))
	x.deployed(x.shop, 207, "production", t3, at(13, "14:00"), success(at(13, "14:05")))
	shop4 := issue(5, "SHOP-4", "Highest", at(13, "14:30"), "Since https://github.com/acme/shop/commit/"+t3+" baskets are unsorted")
	x.issue(demo.Created, shop4, at(13, "14:30"))
	x.deployedFrom("vouchers", x.shop, 208, "production", v1, at(13, "15:00"), success(at(13, "15:05")))
	shop4.Resolved = at(13, "15:20")
	x.issue(demo.Updated, shop4, at(13, "15:20"), "status", "resolution")
}

// outcome is a status that says how a deployment ended.
type outcome struct {
	state string
	at    time.Time
}

func success(when time.Time) outcome { return outcome{"success", when} }

// deployed tells of a deployment with its statuses.
func (x *example) deployed(r *demo.Repository, id int64, env, sha string, created time.Time, outcomes ...outcome) {
	x.deployedFrom("", r, id, env, sha, created, outcomes...)
}

// deployedFrom tells of a deployment of a branch, the default one when ref is empty.
func (x *example) deployedFrom(ref string, r *demo.Repository, id int64, env, sha string, created time.Time, outcomes ...outcome) {
	d := demo.Deployment{ID: id, Repository: r, Environment: env, SHA: sha, Ref: ref, Created: created}
	x.tell(exampleSecrets.Deployment(d))
	for _, o := range append([]outcome{{"in_progress", created}}, outcomes...) {
		x.statuses++
		x.tell(exampleSecrets.Status(d, x.statuses, o.state, o.at))
	}
}

func (x *example) issue(event string, i demo.Issue, when time.Time, changed ...string) {
	x.tell(exampleSecrets.Issue(event, i, when, changed...))
}

func (x *example) tell(w demo.Webhook) {
	x.events = append(x.events, fromDemo(w))
}
