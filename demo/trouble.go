package demo

import (
	"fmt"
	"time"
)

// trouble makes a deployment a failed change, by each cause in turn, and repairs it. before is the commit that ran before the
// deployment, last a pull request that the deployment brought.
func (p *project) trouble(d Deployment, before string, last *PullRequest) {
	p.troubles++
	switch p.troubles % 6 {
	case 0: // it fails after its success, and the next deployment repairs it
		p.now = p.now.Add(p.about(10 * time.Minute))
		p.status(d, "failure")
		p.repair(PullRequest{})
	case 1: // an incident names what was deployed
		p.incident(10*time.Minute, fmt.Sprintf("Errors since https://github.com/%s/pull/%d", p.r.FullName(), last.Number))
	case 2: // an incident names nothing
		p.incident(10*time.Minute, "Customers see errors")
	case 3: // what ran before is deployed again
		p.now = p.now.Add(p.about(30 * time.Minute))
		p.deploy("production", before, "success")
	case 4: // the change is reverted, later
		p.now = p.now.Add(p.about(3 * time.Hour))
		p.repair(PullRequest{
			Branch: fmt.Sprintf("revert-%d", last.Number), Title: fmt.Sprintf("Revert %q", last.Title),
			Body: fmt.Sprintf("Reverts %s#%d", p.r.FullName(), last.Number),
		})
	case 5: // a hotfix
		p.now = p.now.Add(p.about(time.Hour))
		p.repair(PullRequest{Branch: "hotfix/errors", Title: "Stop the errors"})
	}
}

// repair merges a change quickly and deploys it to production.
func (p *project) repair(c PullRequest) {
	work := p.Work
	p.Work = 0.02
	p.change(c)
	p.Work = work
	p.deploy("production", p.r.Main(), "success")
}

// incident sends the webhooks of an incident that is created soon and, unless it is forgotten, resolved some hours later.
func (p *project) incident(soon time.Duration, text string) {
	p.now = p.now.Add(p.about(soon))
	p.issues++
	i := Issue{
		ID: 10_000 + p.id(), Key: fmt.Sprintf("%s-%d", p.Project, p.issues), Type: "Incident", Priority: p.oneOf("Highest", "High", "High", "Medium"),
		Summary: p.oneOf("Slow", "Errors", "Wrong prices"), Description: text, Created: p.now,
	}
	p.send(p.secrets.Issue(Created, i, p.now))
	if p.issues%6 == 5 {
		return
	}
	p.now = p.now.Add(p.about(2 * time.Hour))
	i.Resolved = p.now
	p.send(p.secrets.Issue(Updated, i, p.now, "status", "resolution"))
	if p.IntN(6) > 0 {
		return
	}
	p.now = p.now.Add(p.about(time.Hour))
	i.Resolved = time.Time{}
	p.send(p.secrets.Issue(Updated, i, p.now, "status", "resolution"))
	p.now = p.now.Add(p.about(time.Hour))
	i.Resolved = p.now
	p.send(p.secrets.Issue(Updated, i, p.now, "status", "resolution"))
}
