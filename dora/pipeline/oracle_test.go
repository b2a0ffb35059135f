package pipeline_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"dora-exporter/dora"
)

// oracle determines which facts follow from a set of events, one a line. It is an independent implementation of the rules in
// docs/dora.md: it sees all events at once and knows neither their arrival, nor the waits of evaluations, nor a store. The
// property tests compare the exporter with it.
type oracle struct {
	events []dora.Event
	// repos are the repositories by name.
	repos  map[string]*repository
	policy dora.Policy
	teams  teams
	lines  []string
	// scopes are the successful deployments in their order, by repository and environment.
	scopes      map[string][]*oracleDeployment
	deployments map[int64]*oracleDeployment
	issues      map[string][]*dora.IncidentChange
	// evidence has all pieces of evidence.
	evidence []*observation
}

// teams is a catalog: the teams by the names of repositories and projects.
type teams map[string]string

func (t teams) RepositoryTeam(_ context.Context, _, _, name string) (string, error) {
	return t[name], nil
}

func (t teams) ProjectTeam(_ context.Context, project string) (string, error) { return t[project], nil }

// oracleDeployment is a deployment as the oracle sees it.
type oracleDeployment struct {
	dora.Deployment
	statuses []dora.Status
	// done is the time of its first success; zero if there is none.
	done       time.Time
	production bool
	relation   string
	changes    []dora.Change
	// fresh are the changes that no earlier deployment shipped.
	fresh []dora.Change
}

// observation is a piece of evidence.
type observation struct {
	bad   *oracleDeployment
	cause string
	at    time.Time
	by    *oracleDeployment // the deployment that rolls back, reverts or fixes
	issue string            // the incident
	tie   string
}

// add adds a line about a series, whose labels are names and values in turn.
func (o *oracle) add(family string, value int64, labels ...string) {
	var all []string
	for i := 0; i < len(labels); i += 2 {
		all = append(all, fmt.Sprintf("%s=%q", labels[i], labels[i+1]))
	}
	sort.Strings(all)
	o.lines = append(o.lines, fmt.Sprintf("%s{%s} %d", family, strings.Join(all, ","), value))
}

// addScoped adds a line about a deployment's repository and environment.
func (o *oracle) addScoped(d *oracleDeployment, family string, value int64, labels ...string) {
	o.add(family, value, append(labels, "team", o.teams[d.Repository], "owner", d.Owner, "repo", d.Repository, "environment", d.Environment)...)
}

// expected returns all lines, sorted.
func (o *oracle) expected() []string {
	o.scopes, o.deployments, o.issues = map[string][]*oracleDeployment{}, map[int64]*oracleDeployment{}, map[string][]*dora.IncidentChange{}
	o.gather()
	for _, d := range o.deployments {
		o.outcomes(d)
	}
	for _, all := range o.scopes {
		o.ship(all)
	}
	for id := range o.issues {
		o.issue(id)
	}
	for _, all := range o.scopes {
		o.failures(all)
	}
	sort.Strings(o.lines)
	return o.lines
}

// gather groups the events by deployment, scope and issue.
func (o *oracle) gather() {
	seen := map[int64]bool{}
	for _, e := range o.events {
		switch {
		case e.Status != nil && !seen[e.Status.ID]:
			seen[e.Status.ID] = true
			d := o.deployments[e.Status.Deployment.ID]
			if d == nil {
				d = &oracleDeployment{Deployment: e.Status.Deployment}
				o.deployments[d.ID] = d
			}
			d.statuses = append(d.statuses, *e.Status)
		case e.Incident != nil:
			o.issues[e.Incident.ID] = append(o.issues[e.Incident.ID], e.Incident)
		}
	}
	for _, d := range o.deployments {
		slices.SortFunc(d.statuses, func(a, b dora.Status) int {
			return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
		})
		d.production = d.Production || d.Environment == "production"
		if s := d.first("success"); s != nil {
			d.done = s.CreatedAt
			scope := d.Repository + " " + d.Environment
			o.scopes[scope] = append(o.scopes[scope], d)
		}
	}
	for _, all := range o.scopes {
		slices.SortFunc(all, func(a, b *oracleDeployment) int { return cmp.Or(a.done.Compare(b.done), cmp.Compare(a.ID, b.ID)) })
	}
	for _, all := range o.issues {
		slices.SortFunc(all, func(a, b *dora.IncidentChange) int { return a.Timestamp.Compare(b.Timestamp) })
	}
}

// first returns the first status that has one of the states.
func (d *oracleDeployment) first(states ...string) *dora.Status {
	for i, s := range d.statuses {
		if slices.Contains(states, s.State) {
			return &d.statuses[i]
		}
	}
	return nil
}
