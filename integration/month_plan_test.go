package integration

import (
	"fmt"
	"strings"
	"time"

	"dora-exporter/demo"
)

// plan is what each repository does on the five working days of five weeks; the words are those of stories. The first week
// makes the series known that have no 0 of their own. What appears later without one does so once, and is lost.
var plan = []struct {
	repository, team, project string
	weeks                     [5]string
}{
	// Each of these appears within the four weeks that are looked at; jobs has its first status just before the exporter is killed.
	{"wiki", "Checkout", "SHOP", [5]string{"- - - - -", "- ship - - -", "- - - - -", "- - - - -", "- - - - -"}},
	{"jobs", "Search", "FIND", [5]string{"- - - - -", "- - - - -", "- - ship - -", "- - - - -", "- - - - -"}},
	{"maps", "Search", "FIND", [5]string{"- - - - -", "- - - - -", "- - - - -", "- - - - -", "- incident - - -"}},

	{"shop", "Checkout", "SHOP", [5]string{
		"bot incident ship staging status", "ship rollback fail revert ship", "hotfix ship push window bot",
		"status ship incident push staging", "staging revert fail rollback hotfix",
	}},
	{"cart", "Checkout", "SHOP", [5]string{
		"window bot incident - ship", "ship - ship status -", "- incident fail - rollback", "ship hotfix - window ship", "incident - push ship status",
	}},
	{"index", "Search", "FIND", [5]string{
		"incident window - bot issue", "- push staging ship -", "revert - ship - incident", "- rollback ship issue late", "window - ship - bot",
	}},
}

// month is what is replayed, and what it says is to be counted.
type month struct {
	says
	projects []*project
	// days are six in each week: on the last one is told what the one before left.
	days []day
	// weeks are what is to be counted at the end of each.
	weeks []map[string]answer

	now   time.Time
	today int
	// number is the last that was given: ids, and what makes times differ.
	number int
}

// day is what is told on one day: what is about to be deployed, then all that happens.
type day struct{ deployments, rest []event }

// event is a webhook with the labels that dora_exporter_deliveries_total has for it.
type event struct {
	demo.Webhook
	source, name string
}

// project is a repository and what is known of it.
type project struct {
	*demo.Repository
	team, jira string
	// waiting are the changes that were merged and have not been deployed to an environment, running what is there.
	waiting map[string][]*change
	running map[string]*change
}

// change is a merged pull request, or a commit without one, which has no number.
type change struct {
	number                int
	sha                   string
	began, opened, merged time.Time
	ignored               bool
}

var monthSecrets = demo.Secrets{GitHub: secret, Jira: secret}

func newMonth() *month {
	m := &month{says: says{values: map[string]answer{}, first: map[string]answer{}}, days: make([]day, 6*5)}
	monday := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	for _, p := range plan {
		r := demo.NewRepository("acme", p.repository)
		r.Push(demo.Commit{Author: "ann", Message: "Begin", Written: monday.AddDate(0, -2, 0)})
		m.projects = append(m.projects, &project{r, p.team, p.project, map[string][]*change{}, map[string]*change{}})
	}
	for week := range 5 {
		for weekday := range 5 {
			m.now, m.today = monday.AddDate(0, 0, 7*week+weekday), 6*week+weekday
			for i, p := range m.projects {
				m.now = m.now.Add(time.Hour)
				m.story(p, strings.Fields(plan[i].weeks[week])[weekday])
			}
		}
		m.weeks = append(m.weeks, m.copied())
	}
	return m
}

// github is the stand-in for GitHub that has the repositories.
func (m *month) github() *demo.GitHub {
	var all []*demo.Repository
	for _, p := range m.projects {
		all = append(all, p.Repository)
	}
	return demo.NewGitHub(all...)
}

// configuration is that of the exporter: the teams, every cause of failure, and no long waits: just long enough for a scrape between the
// start of an incident's series and its count.
func (m *month) configuration(address, github string) string {
	_, port, _ := strings.Cut(address, ":")
	return fmt.Sprintf(`server: {host: 127.0.0.1, port: %s}
github: {base_url: %q, webhook_secret: %s}
jira: {webhook_secret: %s}
deployments: {settle: 2s}
failures:
  incident_window: 2h
  hotfix: {branches: ["hotfix/*"]}
teams:
  - {name: Checkout, github_repositories: [acme/wiki, acme/shop, acme/cart], jira_projects: [SHOP]}
  - {name: Search, github_repositories: [acme/jobs, acme/maps, acme/index], jira_projects: [FIND]}
`, port, github, secret, secret)
}
