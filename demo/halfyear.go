package demo

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Team owns repositories and a Jira project, and works in its own way.
type Team struct {
	Name, Project string
	Repositories  []string
	// Pace is the mean number of working days between two releases, Work the mean number of days from a first commit to the merge.
	Pace, Work float64
	// Trouble is the share of releases that become failed changes.
	Trouble float64
}

// Teams are the teams of the half year: a quick and careful one, one that is neither yet, and one that seldom releases.
var Teams = []Team{
	{Name: "Platform", Project: "OPS", Repositories: []string{"api", "infrastructure"}, Pace: 1, Work: 0.4, Trouble: 0.07},
	{Name: "Shop", Project: "SHOP", Repositories: []string{"shop", "checkout"}, Pace: 2, Work: 2, Trouble: 0.25},
	{Name: "Mobile", Project: "APP", Repositories: []string{"app"}, Pace: 8, Work: 9, Trouble: 0.4},
}

// Event is a webhook with the time of the event.
type Event struct {
	At      time.Time
	Webhook Webhook
}

// HalfYear makes up what the teams did in the half year before end: the repositories with their histories, and the events in the order
// of their times. The same seed gives the same half year.
func HalfYear(secrets Secrets, end time.Time, seed uint64) (repositories []*Repository, events []Event) {
	return Days(secrets, end, halfYear, seed)
}

// halfYear is the number of days of half a year: 26 weeks.
const halfYear = 182

// WithPast makes up twice as many days likewise. The exporter receives the webhooks of the second half, which begins at installed, and
// reads the first half from GitHub.
func WithPast(secrets Secrets, end time.Time, days int, seed uint64) (repositories []*Repository, live []Event, installed time.Time) {
	installed = end.AddDate(0, 0, -days).Truncate(24 * time.Hour)
	repositories, live = Days(secrets, end, 2*days, seed)
	return repositories, slices.DeleteFunc(live, func(e Event) bool { return !e.At.After(installed) }), installed
}

// Days makes up the days before end likewise.
func Days(secrets Secrets, end time.Time, days int, seed uint64) (repositories []*Repository, events []Event) {
	return DaysOf(Teams, secrets, end, days, seed)
}

// DaysOf makes up what other teams did in the days before end.
func DaysOf(teams []Team, secrets Secrets, end time.Time, days int, seed uint64) (repositories []*Repository, events []Event) {
	m := &generator{Rand: rand.New(rand.NewPCG(seed, 2)), secrets: secrets, end: end} //nolint:gosec // not for secrets
	for _, team := range teams {
		m.issues = 0
		for _, name := range team.Repositories {
			r := NewRepository("acme", name)
			repositories = append(repositories, r)
			m.grow(&project{Team: team, generator: m, r: r, now: end.AddDate(0, 0, -days)})
		}
	}
	m.events = slices.DeleteFunc(m.events, func(e Event) bool { return e.At.After(end) })
	for _, r := range repositories {
		r.forgetAfter(end)
	}
	slices.SortStableFunc(m.events, func(a, b Event) int { return a.At.Compare(b.At) })
	return repositories, m.events
}

// generator makes up events.
type generator struct {
	*rand.Rand
	secrets Secrets
	end     time.Time
	events  []Event
	// ids is the last id, issues the last number of an issue of the project, troubles the number of failed releases.
	ids              int64
	issues, troubles int
}

// id returns a new id.
func (m *generator) id() int64 { m.ids++; return m.ids }

// about returns a random duration around a mean: from half of it to twice as much, seldom more.
func (m *generator) about(mean time.Duration) time.Duration {
	return time.Duration(float64(mean) * (0.5 + m.ExpFloat64()*0.5)).Truncate(time.Second)
}

// oneOf returns one of several strings at random.
func (m *generator) oneOf(all ...string) string { return all[m.IntN(len(all))] }

// project is a repository at a point in time of the half year.
type project struct {
	Team
	*generator
	r   *Repository
	now time.Time
	// running is the commit in production.
	running string
}

// grow makes up what happened in a project until the end.
func (m *generator) grow(p *project) {
	p.r.Push(Commit{Author: "ann", Message: "Begin", Written: p.now.Add(-time.Hour)})
	for p.now.Before(m.end) {
		p.morning()
		p.release()
	}
}

// morning advances to the morning of the next release.
func (p *project) morning() {
	for days := 1 + int(p.ExpFloat64()*(p.Pace-1)+0.5); days > 0; {
		p.now = p.now.Truncate(24 * time.Hour).Add(24 * time.Hour)
		if day := p.now.Weekday(); day != time.Saturday && day != time.Sunday {
			days--
		}
	}
	p.now = p.now.Add(8*time.Hour + p.about(time.Hour))
}

// release merges some changes and deploys them to staging and to production.
func (p *project) release() {
	var last *PullRequest
	for range 1 + p.IntN(3) {
		last = p.change(PullRequest{})
	}
	if p.IntN(8) == 0 {
		last = p.change(PullRequest{Author: "dependabot[bot]", Branch: "dependabot/go_modules/x", Title: "Bump x"})
	}
	if p.IntN(10) == 0 {
		p.r.Push(Commit{Author: p.oneOf("ann", "bob"), Message: "Correct a word", Written: p.now.Add(-p.about(10 * time.Minute))})
	}
	p.deploy("staging", p.r.Main(), "success")
	p.now = p.now.Add(p.about(20 * time.Minute))
	before := p.running
	if p.IntN(25) == 0 {
		p.deploy("production", p.r.Main(), p.oneOf("failure", "error"))
	}
	d := p.deploy("production", p.r.Main(), "success")
	if before != "" && p.Float64() < p.Trouble {
		p.trouble(d, before, last)
	}
}

// change opens a pull request and merges it now.
func (p *project) change(c PullRequest) *PullRequest {
	p.now = p.now.Add(p.about(20 * time.Minute))
	began := p.now.Add(-p.about(time.Duration(p.Work * 24 * float64(time.Hour))))
	c.Opened = began.Add(p.now.Sub(began) / time.Duration(2+p.IntN(3)))
	if c.Author == "" {
		c.Author = p.oneOf("ann", "bob", "eve", "joe")
	}
	if c.Title == "" {
		c.Title = p.oneOf("Sell", "Show", "Sort", "Cache", "Check", "Rename") + " " + p.oneOf("prices", "orders", "names", "pages", "logs")
		c.Branch = fmt.Sprintf("%s/%d", c.Author, p.IntN(1000))
	}
	work := []Commit{{Message: c.Title, Written: began, Files: []string{"main.go"}}}
	for n := p.IntN(3); n > 0; n-- {
		work = append(work, Commit{Message: "Think again", Written: c.Opened, Files: []string{"main_test.go"}})
	}
	opened, _ := p.r.Open(c, "", work...)
	p.r.Merge(opened, Method(p.IntN(3)), p.now)
	return opened
}

// deploy sends the webhooks of a deployment that starts now and ends with a state.
func (p *project) deploy(environment, sha, state string) Deployment {
	p.now = p.now.Add(p.about(5 * time.Minute))
	d := Deployment{ID: 100_000 + p.id(), Repository: p.r, Environment: environment, SHA: sha, Created: p.now}
	p.r.Deploy(d)
	p.send(p.secrets.Deployment(d))
	p.now = p.now.Add(2 * time.Second)
	p.status(d, "in_progress")
	p.now = p.now.Add(p.about(6 * time.Minute))
	p.status(d, state)
	if environment == "production" && state == "success" {
		p.running = sha
	}
	return d
}

// status sends a status of a deployment.
func (p *project) status(d Deployment, state string) {
	id := p.id()
	p.r.SetStatus(d.ID, id, state, p.now)
	p.send(p.secrets.Status(d, id, state, p.now))
}

// send adds a webhook that is sent now.
func (p *project) send(w Webhook) { p.events = append(p.events, Event{p.now, w}) }
