package integration

import (
	"fmt"
	"time"

	"dora-exporter/demo"
)

// story is what a word of the plan stands for: what happens and, as far as that takes neighbours, what docs/dora.md says of it.
func (m *month) story(p *project, word string) {
	switch word {
	case "-":
	case "ship":
		m.ship(p, demo.PullRequest{})
	case "bot":
		m.ship(p, demo.PullRequest{Author: "dependabot[bot]"})
	case "push": // without a pull request
		m.push(p)
		m.deploy(p, "production", "success")
	case "staging":
		m.merge(p, demo.PullRequest{})
		m.deploy(p, "staging", "success")
	case "fail": // and succeed at the second attempt
		m.merge(p, demo.PullRequest{})
		m.deploy(p, "production", "failure")
		m.deploy(p, "production", "success")
	case "status": // it fails after its success, and the next one repairs it
		bad := m.ship(p, demo.PullRequest{})
		m.now = m.now.Add(10 * time.Minute)
		m.status(bad, "failure")
		m.repaired(bad, "status", m.ship(p, demo.PullRequest{}).at)
	case "rollback":
		before := p.running["production"]
		bad := m.ship(p, demo.PullRequest{})
		m.repaired(bad, "rollback", m.again(p, before).at)
	case "revert":
		bad := m.ship(p, demo.PullRequest{})
		m.repaired(bad, "revert", m.ship(p, demo.PullRequest{Body: fmt.Sprintf("Reverts acme/%s#%d", p.Name, bad.number)}).at)
	case "hotfix":
		bad := m.ship(p, demo.PullRequest{})
		m.repaired(bad, "hotfix", m.ship(p, demo.PullRequest{Branch: "hotfix/errors"}).at)
	case "incident": // names what was deployed
		bad := m.ship(p, demo.PullRequest{})
		i := m.opened(p, "High", fmt.Sprintf("Errors since https://github.com/acme/%s/pull/%d", p.Name, bad.number))
		m.repaired(bad, "incident", m.resolved(p, i))
	case "window": // names nothing, soon after a deployment
		bad := m.ship(p, demo.PullRequest{})
		m.repaired(bad, "window", m.resolved(p, m.opened(p, "Highest", "Errors")))
	case "issue": // stays open, long after any deployment of the team
		m.now = m.now.Add(3 * time.Hour)
		m.opened(p, "Medium", "Slow")
	case "late": // is the first of its priority
		m.now = m.now.Add(3 * time.Hour)
		m.opened(p, "Low", "Ugly")
	default:
		panic(word)
	}
}

// deployed is a deployment with its outcome and the change that its commit is of.
type deployed struct {
	demo.Deployment
	*change
	project *project
	at      time.Time
}

func (m *month) ship(p *project, pr demo.PullRequest) deployed {
	m.merge(p, pr)
	return m.deploy(p, "production", "success")
}

// merge merges a pull request on which somebody has worked for between an hour and nine days.
func (m *month) merge(p *project, pr demo.PullRequest) {
	took := time.Duration(1+m.next()*37%215) * time.Hour
	if pr.Author == "" {
		pr.Author = "ann"
	}
	if pr.Branch == "" {
		pr.Branch = fmt.Sprintf("work/%d", m.number)
	}
	m.now = m.now.Add(time.Minute)
	c := &change{began: m.now.Add(-took), opened: m.now.Add(-took / 3), merged: m.now, ignored: pr.Author != "ann"}
	pr.Opened, pr.Title = c.opened, fmt.Sprintf("Work %d", m.number)
	opened, _ := p.Open(pr, "", demo.Commit{Message: pr.Title, Written: c.began}, demo.Commit{Message: "Think again", Written: c.opened})
	c.number, c.sha = opened.Number, p.Merge(opened, demo.Method(m.number%3), m.now)
	p.await(c)
}

// push commits to the default branch.
func (m *month) push(p *project) {
	m.now = m.now.Add(time.Minute)
	c := &change{began: m.now.Add(-time.Duration(m.next()) * time.Minute)}
	c.sha = p.Push(demo.Commit{Author: "ann", Message: "Correct a word", Written: c.began})
	p.await(c)
}

func (p *project) await(c *change) {
	for _, environment := range []string{"staging", "production"} {
		p.waiting[environment] = append(p.waiting[environment], c)
	}
}

// deploy deploys what was merged last. With success it ships all that waits; the first one of an environment its own change.
func (m *month) deploy(p *project, environment, state string) deployed {
	waiting := p.waiting[environment]
	d := m.attempt(p, environment, waiting[len(waiting)-1], state)
	if state != "success" {
		return d
	}
	if p.running[environment] == nil {
		waiting = waiting[len(waiting)-1:]
	}
	for _, c := range waiting {
		m.shipped(d, c)
	}
	p.running[environment], p.waiting[environment] = d.change, nil
	return d
}

// again deploys a change to production that ran there before.
func (m *month) again(p *project, c *change) deployed {
	p.running["production"] = c
	return m.attempt(p, "production", c, "success")
}

// queued is how long a deployment waits until it runs.
const queued = 10 * time.Second

// attempt tells of a deployment that runs for some minutes and ends with a state.
func (m *month) attempt(p *project, environment string, c *change, state string) deployed {
	m.now = m.now.Add(time.Minute)
	d := deployed{demo.Deployment{
		ID: int64(100_000 + m.next()), Repository: p.Repository, Environment: environment, SHA: c.sha, Created: m.now,
	}, c, p, m.now}
	m.days[m.today].deployments = append(m.days[m.today].deployments, event{monthSecrets.Deployment(d.Deployment), "github", "deployment"})
	m.created(d)
	m.now = m.now.Add(queued)
	m.status(d, "in_progress")
	m.now = m.now.Add(time.Duration(1+m.number*13%40) * time.Minute)
	d.at = m.now
	m.status(d, state)
	return d
}

// status tells of a status.
func (m *month) status(d deployed, state string) {
	m.tell(m.today, event{monthSecrets.Status(d.Deployment, int64(m.next()), state, m.now), "github", "deployment_status"})
	m.statusOf(d, state, m.now)
}

// opened tells of an incident.
func (m *month) opened(p *project, priority, text string) *demo.Issue {
	m.now = m.now.Add(10 * time.Minute)
	id := m.next()
	i := &demo.Issue{
		ID: int64(id), Key: fmt.Sprintf("%s-%d", p.jira, id), Type: "Incident", Priority: priority,
		Summary: "Trouble", Description: text, Created: m.now,
	}
	m.tell(m.today, event{monthSecrets.Issue(demo.Created, *i, m.now), "jira", demo.Created})
	m.incidentOpened(p, i)
	return i
}

// resolved tells on the next day that an incident is resolved, when its creation has been scraped, and returns when it was.
func (m *month) resolved(p *project, i *demo.Issue) time.Time {
	m.now = m.now.Add(time.Duration(1+m.next()*17%90) * time.Minute)
	i.Resolved = m.now
	m.tell(m.today+1, event{monthSecrets.Issue(demo.Updated, *i, m.now, "status", "resolution"), "jira", demo.Updated})
	m.incidentResolved(p, i)
	return m.now
}

func (m *month) tell(day int, e event) { m.days[day].rest = append(m.days[day].rest, e) }

func (m *month) next() int { m.number++; return m.number }
