package pipeline_test

import (
	"cmp"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"dora-exporter/dora"
)

// history is a random history of two repositories, their deployments and incidents.
type history struct {
	*rand.Rand
	graphs    []*growing
	policy    dora.Policy
	ignore    []map[string]string
	teams     teams
	sent      []sent
	incidents []*dora.IncidentChange
	hub       *fakeGitHub
	numbers   int64 // of deployments
	// plain is set if nothing depends on the time of an answer: there are no reverts, hotfixes and commits of several pull requests,
	// and incidents name deployments alone. Only then calls of GitHub fail, since nothing waits for an answer that another scope lacks.
	plain bool
}

// minute returns a time so many minutes after nine.
func minute(n int) time.Time { return morning.Add(time.Duration(n) * time.Minute) }

func pick[T any](p *history, all ...T) T { return all[p.IntN(len(all))] }

func (p *history) chance(percent int) bool { return p.IntN(100) < percent }

// newHistory makes the history of a seed.
func newHistory(seed uint64) *history {
	p := &history{
		Rand:  rand.New(rand.NewPCG(seed, 0)),
		teams: teams{"web": "A", "old-web": "A", "api": "B", "old-api": "B", "INC": "A", "OPS": "B"},
	}
	p.policy = dora.Policy{
		Settle: settleTime, Tasks: dora.MustFilter("deploy", "deploy:**"), UsualProduction: true, IgnoreAuthors: []string{"dependabot[bot]"},
	}
	p.plain = p.chance(40)
	if p.chance(40) && !p.plain {
		p.policy.HotfixBranches = dora.MustFilter(pick(p, "hotfix/*", "Hotfix/**"))
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
	if p.chance(40) {
		p.ignore = []map[string]string{{"creator": "nightly.*"}, {"ref": "v.*", "environment": "staging"}, {"workflow": "plan"}}
		p.policy.Ignore = ignoreRules(p.ignore)
	}
	p.graphs = []*growing{p.grow(1, "web"), p.grow(2, "api")}
	p.hub = &fakeGitHub{pageSize: pick(p, 0, 0, 0, 3)}
	for _, g := range p.graphs {
		p.hub.graphs = append(p.hub.graphs, g.graph)
		p.deploy(g)
	}
	p.startAtAncestors()
	for i := range p.IntN(5) {
		p.incident(i)
	}
	for len(p.sent)+len(p.incidents) == 0 {
		p.incident(5)
	}
	return p
}

// deploy adds the deployments of a repository: in each of some environments a way through its points, forward with steps back.
func (p *history) deploy(g *growing) {
	environments := []string{"production", "production", "staging", "staging", flagged, "preview"}
	p.Shuffle(len(environments), func(i, j int) { environments[i], environments[j] = environments[j], environments[i] })
	task := pick(p, "", "", "deploy")
	for _, environment := range slices.Compact(slices.Sorted(slices.Values(environments[:1+p.IntN(3)]))) {
		var ran []point
		at := 0
		for _, next := range g.pointsFor(environment) {
			if p.chance(35) {
				continue
			}
			at = max(at, next.at+1) + p.IntN(3)
			p.deployment(g, next, environment, task, at)
			ran = append(ran, next)
			for p.chance(25) { // an earlier one again
				at += 1 + p.IntN(5)
				p.deployment(g, pick(p, ran...), environment, task, at)
			}
		}
		if len(ran) > 0 && p.chance(20) {
			p.deployment(g, pick(p, ran...), environment, pick(p, "remove", "deploy:worker", "migrate"), at+p.IntN(3)-1)
		}
	}
}

// deployment adds a deployment of a point, and its statuses around a minute.
func (p *history) deployment(g *growing, what point, environment, task string, at int) {
	p.numbers++
	d := &sentDeployment{
		number: 100 + p.numbers, graph: g.graph, repository: g.name, sha: sha(what.commit), ref: what.ref, task: task, origin: environment,
		created: minute(at - 2).Add(30 * time.Second), creator: "ada", workflow: "deploy", workflowPath: ".github/workflows/deploy.yml",
	}
	if g.formerName != "" && at < g.now/2 {
		d.repository = g.formerName
	}
	if p.chance(10) {
		d.created = d.created.Add(-time.Duration(p.IntN(20)) * time.Minute) // a slow job
	}
	if p.chance(8) {
		d.creator = "nightly-check"
	} else if p.chance(8) {
		d.workflow = "plan"
	}
	states := []string{"success"}
	if p.chance(10) {
		states = nil
	}
	for range p.IntN(3) {
		states = append(states, pick(p, "success", "failure", "error", "inactive", "in_progress", "queued"))
	}
	for _, state := range states {
		p.status(d, state, at+p.IntN(3), environment)
	}
	if p.chance(12) { // active again, or a failure, when others may have replaced it
		p.status(d, pick(p, "success", "failure"), at+3+p.IntN(15), environment)
	}
	if environment == "staging" && g.develop == "" && p.chance(20) { // promoted
		for range 1 + p.IntN(2) {
			p.status(d, pick(p, "success", "success", "failure", "in_progress"), at+3+p.IntN(5), "production")
		}
	}
}

func (p *history) status(d *sentDeployment, state string, at int, environment string) {
	s := sent{sentDeployment: d, id: int64(1000 + len(p.sent)), state: state, at: minute(at), environment: environment, withoutID: p.chance(10)}
	switch {
	case environment == d.origin && p.chance(20):
		s.environment = ""
	case environment == "production" && p.chance(15):
		s.environment = "Production"
	}
	p.sent = append(p.sent, s)
}

// startAtAncestors makes the first deployment of each scope one of an ancestor of all others, of the root if pull requests bring others.
// What came before a first deployment is not known, so a later comparison or pull request that reaches behind it would show it again.
func (p *history) startAtAncestors() {
	for changed := true; changed; {
		changed = false
		o := p.oracle()
		o.gather()
		for _, d := range o.deployments {
			if d.done.IsZero() {
				continue
			}
			first, root := o.scope(d.scope)[0], d.graph.order[0]
			carried := slices.ContainsFunc(d.graph.pulls, func(q *graphPull) bool { return q.branch == "develop" })
			if (carried || !d.graph.ancestors(d.sha)[first.sha]) && first.sha != root {
				first.sha, first.ref, changed = root, "main", true
			}
		}
	}
}

// pointsFor returns what may be deployed to an environment, in the order of time.
func (g *growing) pointsFor(environment string) (all []point) {
	for _, next := range slices.SortedStableFunc(slices.Values(g.points), func(a, b point) int { return cmp.Compare(a.at, b.at) }) {
		ofMain := g.develop != "" && environment == "staging" && next.environment == ""
		if (next.environment == "" || next.environment == environment) && !ofMain {
			all = append(all, next)
		}
	}
	return all
}

// oracle returns the oracle of the history.
func (p *history) oracle() *oracle {
	return &oracle{sent: p.sent, incidents: p.incidents, policy: p.policy, ignore: p.ignore, teams: p.teams}
}

// events returns all events as the receivers decode them.
func (p *history) events() (all []dora.Event) {
	for _, s := range p.sent {
		all = append(all, s.event())
	}
	for _, c := range p.incidents {
		all = append(all, dora.Event{Incident: c})
	}
	return all
}

// parts returns all events in a random order, some at a time.
func (p *history) parts() iter.Seq[[]dora.Event] {
	return func(yield func([]dora.Event) bool) {
		events := p.events()
		given := len(events)
		p.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		for len(events) > 0 {
			n := min(len(events), 1+p.IntN(given))
			if !yield(events[:n]) {
				return
			}
			events = events[n:]
		}
	}
}

func (p *history) catalog() teams { return p.teams }

func (p *history) rules() dora.Policy { return p.policy }

func (p *history) enricher(t testing.TB) dora.Enricher { return p.hub.client(t) }

// cutOff makes GitHub fail for a while: the whole API, or the token's access to a repository.
func (p *history) cutOff() {
	p.hub.down, p.hub.denied = time.Time{}, nil
	end := time.Now().Add(time.Duration(90+p.IntN(90)) * time.Second)
	switch {
	case !p.plain:
	case p.chance(50):
		p.hub.down = end
	default:
		p.hub.denied = map[string]time.Time{pick(p, "web", "api"): end}
	}
}
