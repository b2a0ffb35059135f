package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"time"

	"dora-exporter/dora"
)

// history is a random history of two repositories, their deployments and incidents.
type history struct {
	*rand.Rand
	repos  map[string]*repository
	policy dora.Policy
	teams  teams
	events []dora.Event
	// renamed is the minute in which the repository web gets the name site.
	renamed int
}

// minute returns a time so many minutes after nine.
func minute(n int) time.Time { return morning.Add(time.Duration(n) * time.Minute) }

func pick[T any](p *history, all ...T) T { return all[p.IntN(len(all))] }

func (p *history) chance(percent int) bool { return p.IntN(100) < percent }

// newHistory makes the history of a seed.
func newHistory(seed uint64) *history {
	p := &history{Rand: rand.New(rand.NewPCG(seed, 0)), repos: map[string]*repository{}, teams: teams{"web": "A", "site": "A", "api": "B", "INC": "A", "OPS": "B"}}
	p.renamed = p.IntN(60)
	p.policy = dora.Policy{
		Settle: settleTime, Production: []*regexp.Regexp{regexp.MustCompile("^production$")}, IgnoreAuthors: []string{"dependabot[bot]"},
		Tasks: dora.MustFilter("deploy", "deploy:**"), Ignore: []dora.IgnoreRule{{Creator: regexp.MustCompile("^robot$"), Text: "robot"}},
	}
	if p.chance(40) {
		p.policy.HotfixBranches = dora.MustFilter("hotfix/*")
	}
	if p.chance(40) {
		p.policy.IncidentWindow = time.Duration(p.IntN(20)) * time.Minute
	}
	if p.chance(20) {
		p.policy.Incidents.Priorities = []string{"High"}
	}
	if p.chance(10) {
		p.policy.Incidents.Labels = []string{"outage"}
	}
	if p.chance(10) {
		p.policy.Incidents.Projects = []string{"inc"}
	}
	if p.chance(20) {
		p.policy.Incidents.IgnoredResolutions = []string{"duplicate"}
	}
	if p.chance(20) {
		p.policy.Incidents.ResolvedStatuses = []string{"mitigated"}
	}
	p.repos["web"], p.repos["api"] = p.repository(1), p.repository(2)
	p.repos["site"] = p.repos["web"]
	scopes := []dora.Deployment{
		{Repository: "web", Environment: "production"},
		{Repository: "web", Environment: "staging"},
		{Repository: "api", Environment: "production"},
		{Repository: "api", Environment: "eu", Production: true},
	}
	p.Shuffle(len(scopes), func(i, j int) { scopes[i], scopes[j] = scopes[j], scopes[i] })
	scopes = scopes[:1+p.IntN(len(scopes))]
	at := 0
	for i := range 1 + p.IntN(12) {
		at += p.IntN(4)
		p.deploy(int64(100+i), pick(p, scopes...), at)
	}
	for i := range p.IntN(5) {
		p.incident(i)
	}
	for len(p.events) == 0 {
		p.incident(5)
	}
	return p
}

// repository makes a line of commits with changes of all kinds, and two commits that have diverged from it.
func (p *history) repository(number int) *repository {
	w := newRepository()
	for i := range 8 {
		sha := fmt.Sprintf("%d%d%s", number, i, strings.Repeat("a", 38))
		if i < 6 {
			w.line = append(w.line, sha)
		}
		c := dora.Change{Origin: dora.Origin{FirstCommit: minute(p.IntN(25) - 20)}}
		if p.chance(5) {
			c.Origin = dora.Origin{Unavailable: dora.ReasonNotFound}
		}
		if p.chance(60) {
			c.PullRequest = 10*number + i
			c.Opened, c.Merged = minute(p.IntN(25)-20), minute(p.IntN(25)-20)
			c.Commits = []string{sha, fmt.Sprintf("%d%d%s", number, i, strings.Repeat("b", 38))}
			c.Branch = pick(p, "feature/a", "hotfix/b")
			if p.chance(20) {
				c.Merged = time.Time{}
			}
		}
		c.Author = pick(p, "", "ada", "ada", "dependabot[bot]")
		if i > 0 && p.chance(50) {
			reverted := w.change(pick(p, fmt.Sprintf("%d%d%s", number, p.IntN(i), strings.Repeat("a", 38))))
			c.Reverts = []string{pick(p, reverted.Name(), reverted.SHA, reverted.SHA[:8])}
			if p.chance(20) {
				c.Reverts = append(c.Reverts, fmt.Sprintf("%d%d%s", number, p.IntN(i), strings.Repeat("b", 38)))
			}
		}
		w.changes[sha] = c
	}
	return w
}

// deploy adds the statuses of a deployment, around a minute.
func (p *history) deploy(id int64, d dora.Deployment, at int) {
	d.Host, d.ID, d.Owner, d.OriginalEnvironment = "api.github.com", id, "acme", d.Environment
	d.RepositoryID = map[string]int64{"web": 77, "api": 88}[d.Repository]
	d.Task = pick(p, "", "", "", "", "deploy", "deploy:b", "remove")
	if p.chance(5) {
		d.Creator = "robot"
	}
	line := p.repos[d.Repository].line
	d.SHA = line[min(max(0, int(id-100)/2+p.IntN(5)-2), len(line)-1)] // forward, with steps back
	if p.chance(10) {
		d.SHA = fmt.Sprintf("%s%d%s", line[0][:1], 6+p.IntN(2), strings.Repeat("a", 38)) // diverged from the line
	}
	d.CreatedAt = minute(at - 2 + p.IntN(4))
	states := []string{"success"}
	if p.chance(15) {
		states = nil
	}
	for range p.IntN(4) {
		states = append(states, pick(p, "success", "failure", "error", "inactive", "in_progress", "queued"))
	}
	if d.Repository == "web" && at >= p.renamed {
		d.Repository = "site"
	}
	numbers := p.Perm(len(states))
	for i, state := range states {
		s := &dora.Status{ID: id*10 + int64(numbers[i]), State: state, CreatedAt: minute(at + p.IntN(4)), Deployment: d}
		if p.chance(30) {
			s.Deployment.RepositoryID = 0
		}
		if d.Environment == "staging" && p.chance(30) {
			s.Environment = "production"
			s.Deployment.Environment = pick(p, "production", "staging")
		}
		p.events = append(p.events, dora.Event{Status: s})
	}
}

// reference makes a reference to a deployment, change or commit, with or without its repository.
func (p *history) reference() dora.Reference {
	name := pick(p, "web", "site", "api")
	line := p.repos[name].line
	r := dora.Reference{Owner: "acme", Repository: name}
	switch p.IntN(6) {
	case 0, 1:
		r.Deployment = int64(100 + p.IntN(12))
	case 2:
		change := p.repos[name].change(pick(p, line...))
		r.PullRequest = int64(max(1, change.PullRequest))
	case 3:
		r.Commit = pick(p, line...)
	case 4:
		r = dora.Reference{Commit: pick(p, line...)[:8]} // a SHA without its repository
	case 5:
		r.Deployment = int64(100 + p.IntN(12))
		r.PullRequest = r.Deployment
	}
	return r
}

// describe prints the history.
func (p *history) describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "hotfixes %v, window %v, incidents %+v\n", p.policy.HotfixBranches.Patterns(), p.policy.IncidentWindow, p.policy.Incidents)
	for _, e := range p.events {
		clock := func(t time.Time) string {
			if t.IsZero() {
				return "-"
			}
			return fmt.Sprint(int(t.Sub(morning).Minutes()))
		}
		if s := e.Status; s != nil {
			fmt.Fprintf(&b, "%s %s(%d)/%s>%s %s %s#%d %s %.4s status %d %s, created %s\n", clock(s.CreatedAt), s.Deployment.Repository, s.Deployment.RepositoryID,
				s.Deployment.OriginalEnvironment, s.Environment, s.Deployment.Task, s.Deployment.Creator, s.Deployment.ID, s.State, s.Deployment.SHA, s.ID, clock(s.CreatedAt), clock(s.Deployment.CreatedAt))
			continue
		}
		c := e.Incident
		fmt.Fprintf(&b, "%s %s %s changelog %q created %s resolved %s %s %q %s changed %s %s %q %v %v cleared %v moved %t edited %t from %v %+v\n",
			clock(c.OwnTime()), c.Key, c.Event, c.Changelog, clock(c.Created), clock(c.ResolutionDate), c.StatusName, c.StatusCategory, c.Resolution,
			clock(c.StatusCategoryChanged), c.Project, c.Priority, c.IssueLabels, c.Teams, c.Cleared, c.Moved, c.ResolutionChanged, c.Transition, c.References)
	}
	for name, w := range p.repos {
		for sha, c := range w.changes {
			fmt.Fprintf(&b, "%s %.4s %s by %q on %q reverts %.5s\n", name, sha, w.change(sha).Name(), c.Author, c.Branch, c.Reverts)
		}
	}
	return b.String()
}

// Origin asks the repository of a commit.
func (p *history) Origin(ctx context.Context, c dora.Commit) (dora.Origin, error) {
	return p.repos[c.Repository].Origin(ctx, c)
}

// Ship asks the repository of a comparison.
func (p *history) Ship(ctx context.Context, c dora.Comparison) (dora.Shipment, map[string]dora.Origin, error) {
	return p.repos[c.Head.Repository].Ship(ctx, c)
}

// cutOff makes GitHub fail for a while for some comparisons of a repository.
func (p *history) cutOff(repo string) {
	from := time.Now()
	end, some := from.Add(time.Duration(90+p.IntN(90))*time.Second), p.IntN(2) == 0
	p.repos[repo].down = func(c dora.Comparison) error {
		if time.Now().After(end) || some && c.Base == "" {
			return nil
		}
		return errors.New("502")
	}
}
