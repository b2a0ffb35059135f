package pipeline_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/dora/rules"
	"dora-exporter/persistence/sqlite"
)

var (
	histories = flag.Duration("histories", 4*time.Second, "how long each test of random histories tries new ones")
	firstSeed = flag.Uint64("seed", 1, "the first random history")
)

const settleTime = 2 * time.Minute

// past is a random history of two repositories, their deployments and incidents.
type past struct {
	*rand.Rand
	repos  map[string]*world
	policy dora.Policy
	teams  teams
	events []dora.Event
}

func (t teams) RepositoryTeam(_ context.Context, _, name string) (string, error) { return t[name], nil }

func (t teams) ProjectTeam(_ context.Context, project string) (string, error) { return t[project], nil }

// Origin and Ship ask the world of the repository.
func (p *past) Origin(ctx context.Context, c dora.Commit) (dora.Origin, error) {
	return p.repos[c.Repository].Origin(ctx, c)
}

func (p *past) Ship(ctx context.Context, c dora.Comparison) (dora.Shipment, map[string]dora.Origin, error) {
	return p.repos[c.Head.Repository].Ship(ctx, c)
}

func minute(n int) time.Time { return morning.Add(time.Duration(n) * time.Minute) }

func pick[T any](p *past, all ...T) T { return all[p.IntN(len(all))] }

func (p *past) chance(percent int) bool { return p.IntN(100) < percent }

// newPast makes the history of a seed.
func newPast(seed uint64) *past {
	p := &past{Rand: rand.New(rand.NewPCG(seed, 0)), repos: map[string]*world{}, teams: teams{"web": "A", "api": "B", "INC": "A", "OPS": "B"}}
	p.policy = dora.Policy{
		Settle: settleTime, Production: []*regexp.Regexp{regexp.MustCompile("^production$")}, IgnoreAuthors: []string{"dependabot[bot]"},
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
	p.repos["web"], p.repos["api"] = p.repository(1), p.repository(2)
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
	return p
}

// repository makes a line of commits with changes of all kinds, and two commits beside it.
func (p *past) repository(number int) *world {
	w := newWorld()
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

// deploy tells a deployment's statuses, at about a minute.
func (p *past) deploy(id int64, d dora.Deployment, at int) {
	d.Host, d.ID, d.Owner = "api.github.com", id, "acme"
	line := p.repos[d.Repository].line
	d.SHA = line[min(max(0, int(id-100)/2+p.IntN(5)-2), len(line)-1)] // forward, with steps back
	if p.chance(10) {
		d.SHA = fmt.Sprintf("%s%d%s", line[0][:1], 6+p.IntN(2), strings.Repeat("a", 38)) // beside the line
	}
	d.CreatedAt = minute(at - 2 + p.IntN(4))
	states := []string{"success"}
	if p.chance(15) {
		states = nil
	}
	for range p.IntN(4) {
		states = append(states, pick(p, "success", "failure", "error", "inactive", "in_progress", "queued"))
	}
	numbers := p.Perm(len(states))
	for i, state := range states {
		p.events = append(p.events, dora.Event{Status: &dora.Status{
			ID: id*10 + int64(numbers[i]), State: state, CreatedAt: minute(at + p.IntN(4)), Deployment: d,
		}})
	}
}

// incident tells an issue's events.
func (p *past) incident(number int) {
	created := p.IntN(30)
	at := created
	c := dora.IncidentChange{
		Event: "jira:issue_created", Host: "jira.example.com", ID: fmt.Sprint(number), Key: fmt.Sprintf("INC-%d", number), Created: minute(created),
		Project: pick(p, "INC", "OPS"), Priority: pick(p, "High", "Low", ""), StatusCategory: "new",
	}
	seen := p.chance(90)
	for range 1 + p.IntN(6) {
		c.Timestamp = minute(at)
		if p.chance(50) {
			c.References = append(slices.Clone(c.References), p.reference())
		}
		if p.chance(30) {
			c.IssueLabels = append(slices.Clone(c.IssueLabels), pick(p, "outage", "customer"))
		}
		if seen {
			event := c
			p.events = append(p.events, dora.Event{Incident: &event})
		}
		seen = true
		if c.Event == "jira:issue_deleted" {
			break
		}
		at += 1 + p.IntN(9)
		c.Event, c.Edit = "jira:issue_updated", false
		switch p.IntN(8) {
		case 0, 1:
			c.StatusCategory, c.ResolutionDate = "done", minute(at)
		case 2:
			c.StatusCategory, c.StatusCategoryChanged = "done", minute(at-1)
		case 3:
			c.StatusCategory, c.ResolutionDate, c.StatusCategoryChanged = "new", time.Time{}, time.Time{}
		case 4:
			c.Project = pick(p, "INC", "OPS")
		case 5:
			c.Priority = pick(p, "High", "Low")
		case 6:
			c.Edit = true
		case 7:
			if p.chance(50) {
				c.Event = "jira:issue_deleted"
			}
		}
	}
}

// reference names something, with its repository or without.
func (p *past) reference() dora.Reference {
	name := pick(p, "web", "api")
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
		r = dora.Reference{Commit: pick(p, line...)[:8]} // only a SHA
	case 5:
		r.Deployment = int64(100 + p.IntN(12))
		r.PullRequest = r.Deployment
	}
	return r
}

func (p *past) oracle() []string {
	o := &oracle{events: p.events, repos: p.repos, policy: p.policy, teams: p.teams}
	return o.tell()
}

// openStoreInMemory opens a store that has no disk to wait for, where there is such a place.
func openStoreInMemory(t *testing.T) *sqlite.Store {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "dora-exporter-test-")
	if err != nil {
		return openStore(t)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return openStoreAt(t, filepath.Join(dir, "dora-exporter.db"))
}

// exporter is the part of the program that these tests run, on one store, in the time of the test's bubble.
type exporter struct {
	t     *testing.T
	past  *past
	store *sqlite.Store
	late  int
	// due is when the first of what has arrived is to be settled.
	due time.Time
}

func (x *exporter) rules() *rules.Rules {
	rules := noLimit()
	rules.Policy, rules.OnLate = x.past.policy, func(n int) { x.late += n }
	return rules
}

// arrive has events arrive, and processes them.
func (x *exporter) arrive(events ...dora.Event) {
	x.t.Helper()
	if due := time.Now().Add(settleTime); x.due.IsZero() {
		x.due = due
	}
	accept(x.t, x.store, events...)
	p := &pipeline.Processor{
		Store: x.store, Catalog: x.past.teams, Rules: x.rules(), Logger: slog.New(slog.DiscardHandler), MaxWait: time.Minute, Now: time.Now, OnTeamGivenUp: func() {},
	}
	if err := p.Drain(x.t.Context()); err != nil {
		x.t.Fatal(err)
	}
}

// run settles for a while, as after a start.
func (x *exporter) run(d time.Duration) {
	ctx, cancel := context.WithTimeout(x.t.Context(), d)
	defer cancel()
	x.settler().Run(ctx)
}

func (x *exporter) settler() *pipeline.Evaluator {
	return &pipeline.Evaluator{Store: x.store, Enricher: x.past, Rules: x.rules(), Logger: slog.New(slog.DiscardHandler), Now: time.Now}
}

// settle runs until nothing is left to be settled.
func (x *exporter) settle() {
	x.t.Helper()
	time.Sleep(time.Until(x.due) - time.Second) // each second of a settler costs some calls of the store
	x.due = time.Time{}
	for range 1000 {
		left, err := x.store.CountEvaluations(x.t.Context())
		if err != nil {
			x.t.Fatal(err)
		}
		if left == 0 {
			return
		}
		x.run(3 * time.Second)
	}
	x.t.Fatal("something is not settled after fifty minutes")
}

// told are the facts of dora_*: each for itself, but what the gauges add up to, and without zeros.
func (x *exporter) told() []string {
	x.t.Helper()
	all, err := x.store.Facts(x.t.Context(), 0, 100_000)
	if err != nil {
		x.t.Fatal(err)
	}
	var lines []string
	open := map[string]int64{}
	for _, f := range all {
		switch {
		case !strings.HasPrefix(f.Family, "dora_") || strings.HasPrefix(f.Subject, "zero:") || f.Family == dora.DeploymentTimestamp:
		case f.Family == dora.IncidentsOpen:
			open[f.Labels.Key()] += f.Value
		default:
			lines = append(lines, fmt.Sprintf("%s{%s} %d", f.Family, f.Labels.Key(), f.Value))
		}
	}
	for labels, n := range open {
		for range n {
			lines = append(lines, fmt.Sprintf("%s{%s} 1", dora.IncidentsOpen, labels))
		}
	}
	sort.Strings(lines)
	return lines
}

// tell is the history for a person.
func (p *past) tell() string {
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
			fmt.Fprintf(&b, "%s %s/%s#%d %s %.4s status %d %s, created %s\n", clock(s.CreatedAt), s.Deployment.Repository, s.Deployment.Environment,
				s.Deployment.ID, s.State, s.Deployment.SHA, s.ID, clock(s.CreatedAt), clock(s.Deployment.CreatedAt))
			continue
		}
		c := e.Incident
		fmt.Fprintf(&b, "%s %s %s created %s resolved %s %s %s %s %q %v %+v\n", clock(c.Timestamp), c.Key, c.Event, clock(c.Created), clock(c.ResolutionDate),
			c.StatusCategory, clock(c.StatusCategoryChanged), c.Project, c.Priority, c.IssueLabels, c.References)
	}
	for name, w := range p.repos {
		for sha, c := range w.changes {
			fmt.Fprintf(&b, "%s %.4s %s by %q on %q reverts %.5s\n", name, sha, w.change(sha).Name(), c.Author, c.Branch, c.Reverts)
		}
	}
	return b.String()
}

// eachHistory calls f with random histories, in a bubble each, until the time is over or one fails.
func eachHistory(t *testing.T, f func(t *testing.T, p *past)) {
	t.Helper()
	n := 0
	for seed, end := *firstSeed, time.Now().Add(*histories); time.Now().Before(end) && !t.Failed(); seed++ {
		synctest.Test(t, func(t *testing.T) {
			p := newPast(seed)
			f(t, p)
			if t.Failed() {
				t.Logf("the history of -seed=%d:\n%s", seed, p.tell())
			}
		})
		n++
	}
	t.Logf("%d histories from -seed=%d on", n, *firstSeed)
}

// scatter has all events arrive in a random order within the settle time, some twice, with restarts in between.
func (x *exporter) scatter() {
	p := x.past
	events := slices.Clone(p.events)
	for range p.IntN(4) {
		events = append(events, pick(p, p.events...))
	}
	p.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	for left := settleTime - time.Second; len(events) > 0; {
		n := min(len(events), 1+p.IntN(len(p.events)))
		x.arrive(events[:n]...)
		events = events[n:]
		wait := time.Duration(p.Int64N(int64(left)))
		left -= wait
		runs := min(wait, 2*time.Second)
		x.run(runs)
		time.Sleep(wait - runs)
	}
}

func TestArrivalOrderDoesNotMatter(t *testing.T) {
	eachHistory(t, func(t *testing.T, p *past) {
		want := p.oracle()
		for range 2 {
			x := &exporter{t: t, past: p, store: openStoreInMemory(t)}
			if p.chance(60) {
				p.cutOff(pick(p, "web", "api"))
			}
			x.scatter()
			x.settle()
			if diff := cmp.Diff(want, x.told()); diff != "" {
				t.Errorf("-oracle +exporter:\n%s", diff)
				return
			}
			if x.late > 0 {
				t.Errorf("%d events were late", x.late)
			}
		}
	})
}

// cutOff makes GitHub fail for a while for some comparisons of a repository.
func (p *past) cutOff(repo string) {
	from := time.Now()
	end, some := from.Add(time.Duration(90+p.IntN(90))*time.Second), p.IntN(2) == 0
	p.repos[repo].down = func(c dora.Comparison) error {
		if time.Now().After(end) || some && c.Base == "" {
			return nil
		}
		return errors.New("502")
	}
}

// Late events: what arrives after its neighbours have been settled adds what it alone can add; nothing is taken back or
// counted twice.
func TestLateArrivals(t *testing.T) {
	eachHistory(t, func(t *testing.T, p *past) {
		want := p.oracle()
		x := &exporter{t: t, past: p, store: openStoreInMemory(t)}
		events := slices.Clone(p.events)
		p.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		var before []string
		for len(events) > 0 {
			n := min(len(events), 1+p.IntN(len(p.events)))
			x.arrive(events[:n]...)
			events = events[n:]
			x.settle()
			now := x.told()
			gone := without(before, now)
			if slices.ContainsFunc(gone, func(f string) bool { return !strings.HasPrefix(f, dora.IncidentsOpen) }) {
				t.Errorf("taken back: %q", gone)
			}
			before = now
		}
		told := x.told()
		for _, family := range []string{dora.Deployments, dora.IncidentsOpen} { // they follow from the set of events, however late these come
			if diff := cmp.Diff(ofFamily(want, family), ofFamily(told, family)); diff != "" {
				t.Errorf("-oracle +exporter:\n%s", diff)
			}
		}
		for _, family := range []string{dora.Deployments, dora.Changes, dora.ChangeFailures, dora.ReworkDeployments} {
			subjects := x.subjects(family)
			slices.Sort(subjects)
			if n := len(subjects); len(slices.Compact(subjects)) != n {
				t.Errorf("%s counts something twice", family)
			}
		}
		for _, family := range []string{dora.DeploymentRun, dora.IncidentsOpened, dora.IncidentRecovery} {
			if got, expected := len(ofFamily(told, family)), len(ofFamily(want, family)); got < expected {
				t.Errorf("%s: %d observations, want %d", family, got, expected)
			}
		}
		if got, most := len(ofFamily(told, dora.ReworkDeployments)), len(ofFamily(told, dora.ChangeFailures)); got > most {
			t.Errorf("%d deployments are rework, but only %d turned out bad", got, most)
		}
		changes, measured := len(ofFamily(told, dora.Changes)), len(ofFamily(told, dora.LeadTime))+len(ofFamily(told, dora.LeadTimeUnavailable))
		if changes != measured {
			t.Errorf("%d changes, but %d lead times or reasons", changes, measured)
		}
		for _, change := range p.reached() {
			if !slices.ContainsFunc(x.subjects(dora.Changes), func(s string) bool { return strings.HasSuffix(s, change) }) {
				t.Errorf("the change %s is not counted", change)
			}
		}
	})
}

// reached are the changes that reach an environment: scope/name.
func (p *past) reached() (all []string) {
	o := &oracle{events: p.events, repos: p.repos, policy: p.policy, teams: p.teams}
	o.tell()
	for _, deployments := range o.scopes {
		for _, d := range deployments {
			for _, c := range d.fresh {
				all = append(all, d.Scope()+"/"+c.Name())
			}
		}
	}
	return all
}

// subjects are those of a family's facts but the zeros.
func (x *exporter) subjects(family string) (all []string) {
	x.t.Helper()
	facts, err := x.store.Facts(x.t.Context(), 0, 100_000)
	if err != nil {
		x.t.Fatal(err)
	}
	for _, f := range facts {
		if f.Family == family && !strings.HasPrefix(f.Subject, "zero:") {
			all = append(all, f.Subject)
		}
	}
	return all
}

func ofFamily(lines []string, family string) (all []string) {
	for _, l := range lines {
		if strings.HasPrefix(l, family+"{") {
			all = append(all, l)
		}
	}
	return all
}

// without returns the lines of a that b has not, each as often as it is missing.
func without(a, b []string) (left []string) {
	have := map[string]int{}
	for _, l := range b {
		have[l]++
	}
	for _, l := range a {
		if have[l]--; have[l] < 0 {
			left = append(left, l)
		}
	}
	return left
}

// All statuses of one deployment in every order, within the settle time.
func TestStatusesInEveryOrder(t *testing.T) {
	type said struct {
		state  string
		minute int
	}
	// The long form has all six; the others are there since those before them mean something in every order.
	for _, statuses := range [][]said{
		{{"success", 3}, {"failure", 4}, {"error", 5}, {"inactive", 6}, {"queued", 1}, {"in_progress", 2}},
		{{"success", 3}, {"success", 5}, {"failure", 5}, {"success", 6}, {"inactive", 9}, {"error", 2}},
		{{"failure", 3}, {"success", 3}, {"error", 3}, {"success", 3}, {"failure", 2}, {"queued", 3}},
		{{"failure", 1}, {"error", 2}, {"inactive", 3}, {"failure", 3}},
	} {
		if *histories < time.Minute {
			statuses = statuses[:4]
		}
		synctest.Test(t, func(t *testing.T) {
			p := newPast(1)
			p.policy = newWorld().policy
			p.policy.Settle = settleTime
			x := &exporter{t: t, past: p, store: openStoreInMemory(t)}
			p.events = nil
			id := int64(0)
			var arriving []dora.Event
			for order := range permutations(len(statuses)) { // each order is an environment and a deployment of its own
				id++
				d := dora.Deployment{
					Host: "api.github.com", ID: id, Owner: "acme", Repository: "web", Environment: fmt.Sprint(order), Production: true,
					SHA: p.repos["web"].line[0], CreatedAt: minute(0),
				}
				for _, i := range order {
					e := dora.Event{Status: &dora.Status{ID: id*10 + int64(i), State: statuses[i].state, CreatedAt: minute(statuses[i].minute), Deployment: d}}
					arriving = append(arriving, e)
				}
			}
			p.events = arriving
			x.arrive(arriving...)
			x.settle()
			if diff := cmp.Diff(p.oracle(), x.told()); diff != "" {
				t.Errorf("-oracle +exporter:\n%s", diff)
			}
		})
	}
}
