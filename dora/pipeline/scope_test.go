package pipeline_test

import (
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
	"dora-exporter/report"
)

// change is a change of an event.
type change func(*dora.Status)

// with returns an event with changes.
func with(e dora.Event, changes ...change) dora.Event {
	for _, c := range changes {
		c(e.Status)
	}
	return e
}

func of(id int64) change { return func(s *dora.Status) { s.Deployment.RepositoryID = id } }

func called(owner, name string) change {
	return func(s *dora.Status) { s.Deployment.Owner, s.Deployment.Repository = owner, name }
}

func task(name string) change { return func(s *dora.Status) { s.Deployment.Task = name } }

// to says that the deployment was created for an environment.
func to(environment string) change {
	return func(s *dora.Status) {
		s.Deployment.Environment, s.Deployment.OriginalEnvironment = environment, environment
	}
}

// only is the environment of a deployment in a payload that does not say which one it was created for.
func only(environment string) change {
	return func(s *dora.Status) { s.Deployment.Environment = environment }
}

// promotedTo says that the status is about another environment, which is the deployment's from then on.
func promotedTo(environment string) change {
	return func(s *dora.Status) { s.Environment, s.Deployment.Environment = environment, environment }
}

// made names the workflow that made the deployment.
func made(workflows ...string) change {
	return func(s *dora.Status) { s.Deployment.Workflows = workflows }
}

// creation is the event of a deployment from one of its statuses.
func creation(e dora.Event) dora.Event { return dora.Event{Deployment: &e.Status.Deployment} }

// incidentNaming is an incident of minute 50 that names a deployment.
func incidentNaming(owner, repository string, id int64) dora.Event {
	return issue("created", 50, 50, 0, dora.Reference{Owner: owner, Repository: repository, Deployment: id})
}

func wholeValue(text string) *regexp.Regexp { return regexp.MustCompile("(?i)^(?:" + text + ")$") }

// scopeStories are events with what is counted of them, in whatever order they arrive.
func scopeStories() map[string]scopeStory {
	return map[string]scopeStory{
		"a repository is renamed": {
			events: []dora.Event{
				with(deployed(1, "V1", "success", 1), of(77)), with(deployed(2, "V2", "success", 2), of(77)),
				with(deployed(3, "V2", "success", 3), of(77), called("acme", "core")), with(deployed(4, "V3", "success", 4), of(77), called("acme", "core")),
			},
			want: map[string]int64{
				"deployments_total outcome=success repo=web": 2, "deployments_total outcome=success repo=core": 2,
				"changes_total": 3, "changes_total repo=core": 1, "change_failures_total": 0,
			},
		},
		"the id is missing before it is renamed": {
			events: []dora.Event{
				deployed(1, "V1", "success", 1), with(deployed(2, "V2", "success", 2), of(77)),
				with(deployed(3, "V2", "success", 3), of(77), called("acme", "core")), with(createdAt(deployed(4, "V1", "success", 4), 3), called("acme", "core")),
			},
			want: map[string]int64{"deployments_total outcome=success": 4, "changes_total": 2, "change_failures_total cause=rollback": 1},
		},
		"the id is missing in statuses": {
			events: []dora.Event{
				creation(with(deployed(1, "V1", "", 0), of(77))), deployed(1, "V1", "success", 1),
				creation(with(deployed(2, "V2", "", 0), of(77))), deployed(2, "V2", "success", 2), with(createdAt(deployed(3, "V1", "success", 3), 3), of(77)),
			},
			want: map[string]int64{"deployments_total outcome=success": 3, "changes_total": 2, "change_failures_total cause=rollback": 1},
		},
		"another server has a repository of the same name": {
			events: []dora.Event{
				deployed(1, "V1", "success", 1), with(deployed(2, "V2", "success", 2), func(s *dora.Status) { s.Deployment.Host = "ghe.example.com" }),
				createdAt(deployed(3, "V1", "success", 4), 3),
			},
			want: map[string]int64{"deployments_total outcome=success": 3, "changes_total": 2, "change_failures_total": 0},
		},
		"a repository goes to another owner and team": {
			events: []dora.Event{
				with(deployed(1, "V1", "success", 1), of(77)), with(deployed(2, "V2", "success", 2), of(77), called("new", "api")),
				with(deployed(2, "V2", "failure", 3), of(77), called("new", "api")), with(deployed(3, "V3", "success", 4), of(77), called("new", "api")),
			},
			want: map[string]int64{
				"deployments_total outcome=success owner=acme team=A": 1, "deployments_total outcome=success owner=new team=B": 2,
				"changes_total": 3, "changes_total team=A": 1, "change_failures_total cause=status team=B": 1, "rework_deployments_total team=B": 1,
			},
		},
		"a new repository has the old name": {
			events: []dora.Event{
				with(deployed(1, "V1", "success", 1), of(77)), with(deployed(2, "V2", "success", 2), of(77), called("acme", "core")),
				with(deployed(3, "V1", "success", 3), of(99)), with(deployed(4, "V2", "success", 4), of(99)),
			},
			want: map[string]int64{"changes_total repo=web": 3, "changes_total repo=core": 1, "change_failures_total": 0},
		},
		"an incident names the old name": {
			events: []dora.Event{
				with(deployed(1, "V1", "success", 1), of(77), called("acme", "old")), with(deployed(2, "V2", "success", 2), of(77)), incidentNaming("acme", "old", 2),
			},
			want: map[string]int64{"change_failures_total cause=incident repo=web": 1},
		},
		"an incident names the new name": {
			events: []dora.Event{
				with(deployed(1, "V1", "success", 1), of(77), called("acme", "old")), with(deployed(2, "V2", "success", 2), of(77)), incidentNaming("ACME", "Web", 1),
			},
			want: map[string]int64{"change_failures_total cause=incident repo=old": 1},
		},
		"an environment in several spellings": {
			events: []dora.Event{
				with(deployed(1, "V1", "success", 1), to("Production")), with(deployed(2, "V3", "success", 2), to("production")),
				with(createdAt(deployed(3, "V1", "success", 3), 3), to("PRODUCTION")),
			},
			want: map[string]int64{"deployments_total outcome=success": 3, "changes_total": 3, "change_failures_total cause=rollback": 1},
		},
		"letters with several cases": {
			events: []dora.Event{
				with(deployed(1, "V1", "success", 1), to("Prod/Ärger Σ")), with(deployed(2, "V2", "success", 2), to("prod/ärger ς")),
			},
			want: map[string]int64{"changes_total": 2, "deployments_total outcome=success": 2},
		},
		"two services by task": {
			events: []dora.Event{
				with(deployed(1, "V2", "success", 1), task("deploy:api")), with(deployed(2, "V1", "success", 2), task("deploy:web")),
				with(deployed(3, "V3", "success", 3), task("deploy:api")), with(deployed(4, "V2", "success", 4), task("deploy:web")),
			},
			want: map[string]int64{"deployments_total outcome=success": 4, "changes_total": 4, "change_failures_total": 0},
		},
		"tasks that deploy nothing": {
			events: []dora.Event{
				deployed(1, "V1", "success", 1), with(deployed(2, "V3", "success", 2), task("remove")), with(deployed(3, "V2", "success", 3), task("Deploy")),
				with(deployed(4, "V1", "success", 4), task("deploy:db/migrations")),
			},
			// V1 is the only one of its own scope; V2 follows V1, and V3 never ran.
			want: map[string]int64{"deployments_total outcome=success": 3, "changes_total": 3, "change_failures_total": 0},
		},
		"promoted and failed there": {
			events: []dora.Event{
				with(deployed(1, "V1", "success", 1)), with(deployed(2, "V2", "success", 2), to("staging")), with(deployed(2, "V2", "success", 3), to("staging"), promotedTo("production")),
				with(deployed(2, "V2", "inactive", 4), to("staging")), with(deployed(2, "V2", "failure", 5), to("staging"), promotedTo("production")),
			},
			want: map[string]int64{
				"deployments_total outcome=success environment=staging": 1, "deployments_total outcome=success environment=production": 2,
				"deployments_total outcome=failure": 1, "deployments_total outcome=failure environment=production": 1,
				"changes_total environment=staging": 1, "changes_total environment=production": 2,
				"change_failures_total cause=status environment=production": 1,
				// 1 and 2 in staging ran since nine; where 2 was promoted to, nothing says when it began to run.
				"deployment_run_seconds environment=production": 60_000, "deployment_run_seconds environment=staging": 120_000,
			},
		},
		"promoted, without the environment that it was created for": {
			events: []dora.Event{
				deployed(1, "V1", "success", 1), with(deployed(2, "V2", "success", 2), only("staging")), with(deployed(2, "V2", "success", 3), only("production")),
				with(deployed(2, "V2", "error", 4), only("production")),
			},
			want: map[string]int64{
				"deployments_total outcome=success environment=staging": 1, "deployments_total outcome=success environment=production": 2,
				"deployments_total outcome=failure": 1, "changes_total environment=production": 2, "change_failures_total cause=status": 1,
			},
		},
		"promoted, running there from a status on, named by an incident": {
			events: []dora.Event{
				with(deployed(2, "V2", "success", 2), to("staging")), with(deployed(2, "V2", "in_progress", 3), to("staging"), promotedTo("Production")),
				with(deployed(2, "V2", "success", 7), to("staging"), promotedTo("production")), incidentNaming("acme", "web", 2),
			},
			want: map[string]int64{
				"deployment_run_seconds": 360_000, "change_failures_total cause=incident": 1, "changes_total": 2,
			},
		},
	}
}

// scopeStory is what happens, and the sums of the dora_* series that have some labels.
type scopeStory struct {
	policy func(*dora.Policy)
	events []dora.Event
	want   map[string]int64
}

// The numbers depend neither on the order in which events arrive nor on a restart between any two of them, and the report agrees.
func TestScopes(t *testing.T) {
	for name, story := range scopeStories() {
		t.Run(name, func(t *testing.T) { story.inOrders(t, 2) })
	}
}

// inOrders tells the story in at most so many orders, by chance.
func (story scopeStory) inOrders(t *testing.T, most int) {
	for _, order := range someOrders(len(story.events), most) {
		synctest.Test(t, func(t *testing.T) { story.tell(t, order) })
		if t.Failed() {
			return
		}
	}
}

// tell has the events arrive in an order, with a restart after each of them.
func (story scopeStory) tell(t *testing.T, order []int) {
	p, x := newEmptyHistory(t)
	for _, name := range []string{"core", "old"} {
		p.repos[name], p.teams[name] = p.repos["web"], "A"
	}
	p.repos["api"] = p.repos["web"]
	p.policy.Production, p.policy.UsualProduction = nil, true
	p.policy.Tasks = dora.MustFilter("deploy", "deploy:**")
	if story.policy != nil {
		story.policy(&p.policy)
	}
	for _, i := range order {
		x.arrive(story.events[i])
		x.run(time.Second) // within settleTime
	}
	x.settle()
	for selector, want := range story.want {
		if got := sumOf(x.dora(), selector); got != want {
			t.Errorf("in the order %v: %s = %d, want %d", order, selector, got, want)
		}
	}
	o := report.Options{Now: time.Now().AddDate(50, 0, 0), Since: time.Hour}
	r, err := report.FromEvents(t.Context(), x.store, p.policy, o)
	if err != nil || len(r.Differences) > 0 {
		t.Errorf("in the order %v: %+v, %v", order, r.Differences, err)
	}
}

// someOrders returns some orders of n things, by chance but always the same; all of them in a run with -histories of a minute or more.
func someOrders(n, most int) (orders [][]int) {
	for order := range permutations(n) {
		orders = append(orders, slices.Clone(order))
	}
	if *histories >= time.Minute {
		return orders
	}
	random := rand.New(rand.NewPCG(1, 2))
	random.Shuffle(len(orders), func(i, j int) { orders[i], orders[j] = orders[j], orders[i] })
	return orders[:min(most, len(orders))]
}

// dora returns the facts of dora_*.
func (x *exporter) dora() []dora.Fact {
	x.t.Helper()
	all, err := x.store.Facts(x.t.Context(), 0, 100_000)
	if err != nil {
		x.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(f dora.Fact) bool { return !strings.HasPrefix(f.Family, "dora_") })
}

// sumOf adds up the facts of a family, without dora_, and of the labels that follow it.
func sumOf(facts []dora.Fact, selector string) (sum int64) {
	parts := strings.Fields(selector)
	labels := map[string]string{}
	for _, pair := range parts[1:] {
		name, value, _ := strings.Cut(pair, "=")
		labels[name] = value
	}
	for _, f := range facts {
		matches := f.Family == "dora_"+parts[0]
		for name := range maps.Keys(labels) {
			matches = matches && strings.EqualFold(f.Labels[name], labels[name])
		}
		if matches {
			sum += f.Value
		}
	}
	return sum
}

// A deployment that succeeded keeps the name and team that it had then, also if it fails after its repository went to others.
func TestFailureUnderANewName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, x := newEmptyHistory(t)
		x.arrive(with(deployed(1, "V1", "success", 1), of(77)), with(deployed(2, "V2", "success", 2), of(77)))
		failure := with(deployed(2, "V2", "failure", 3), of(77), called("new", "api"))
		x.arrive(failure)
		x.settle()
		d, known, err := x.store.Deployment(t.Context(), failure.Status.Deployment.Key())
		if err != nil || !known || d.RepositoryName() != "acme/web" {
			t.Errorf("it is of %s, %t, %v, want acme/web", d.RepositoryName(), known, err)
		}
		wantFamily(t, x, "failed", dora.ChangeFailures, "status 1")
	})
}
