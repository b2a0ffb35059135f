package demo

import (
	"fmt"
	"time"
)

// trouble makes a deployment turn out bad, in all of the ways in turn, and has it repaired. before is the commit that ran until
// then, last a pull request that the deployment brought.
func (p *project) trouble(d Deployment, before string, last *PullRequest) {
	p.troubles++
	switch p.troubles % 6 {
	case 0: // it fails after its success, and the next deployment repairs it
		p.now = p.now.Add(p.about(10 * time.Minute))
		p.status(d, "failure")
		p.repair(PullRequest{})
	case 1: // an incident names what was deployed
		p.incident(10*time.Minute, fmt.Sprintf("Errors since https://github.com/%s/pull/%d", p.r.FullName(), last.Number))
	case 2: // somebody notices, and can't tell why
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

// repair brings one change to production in haste.
func (p *project) repair(c PullRequest) {
	work := p.Work
	p.Work = 0.02
	p.change(c)
	p.Work = work
	p.deploy("production", p.r.Main(), "success")
}

// incident tells of an incident that is created now and, unless it is forgotten, resolved in some hours.
func (p *project) incident(soon time.Duration, text string) {
	p.now = p.now.Add(p.about(soon))
	p.issues++
	i := Issue{
		ID: 10_000 + p.id(), Key: fmt.Sprintf("%s-%d", p.Project, p.issues), Type: "Incident", Priority: p.of("Highest", "High", "High", "Medium"),
		Summary: p.of("Slow", "Errors", "Wrong prices"), Description: text, Created: p.now,
	}
	p.tell(p.secrets.Issue(Created, i, p.now))
	if p.issues%6 == 5 {
		return
	}
	p.now = p.now.Add(p.about(2 * time.Hour))
	i.Resolved = p.now
	p.tell(p.secrets.Issue(Updated, i, p.now, "status", "resolution"))
	if p.IntN(6) > 0 {
		return
	}
	p.now = p.now.Add(p.about(time.Hour))
	i.Resolved = time.Time{}
	p.tell(p.secrets.Issue(Updated, i, p.now, "status", "resolution"))
	p.now = p.now.Add(p.about(time.Hour))
	i.Resolved = p.now
	p.tell(p.secrets.Issue(Updated, i, p.now, "status", "resolution"))
}
