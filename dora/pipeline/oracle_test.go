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

// oracle determines which facts follow from a history, one a line. It is an independent implementation of the rules in docs/dora.md:
// it sees all events and the whole commit graph at once, and knows neither arrival, nor waits, nor a store, nor GitHub's API. It is
// written to be compared with the page, not to be fast. The property tests compare the exporter with it.
type oracle struct {
	sent      []sent
	incidents []*dora.IncidentChange
	policy    dora.Policy
	teams     teams
	// ignore are the rules of deployments.ignore: an expression for each key.
	ignore []map[string]string
	// lostComparison and lostPull report which comparisons, and commits of which pull requests, GitHub never gives.
	lostComparison func(base, head string) bool
	lostPull       func(g *graph, number int) bool

	lines []string
	// deployments are those that count, in their order.
	deployments []*oracleDeployment
	issues      map[string][]*dora.IncidentChange
	evidence    []*observation
}

// teams is a catalog: the teams by the names of repositories and projects.
type teams map[string]string

func (t teams) RepositoryTeam(_ context.Context, _, _, name string) (string, error) {
	return t[name], nil
}

func (t teams) ProjectTeam(_ context.Context, project string) (string, error) { return t[project], nil }

// oracleDeployment is a deployment in one environment. One that is promoted by a status is two of them.
type oracleDeployment struct {
	*sentDeployment
	environment string // in lower case
	scope       string
	// statuses are those that name the environment, by time, then by id.
	statuses []sent
	// done is the time of its first success; zero if there is none.
	done       time.Time
	production bool
	relation   string
	changes    []*oracleChange
	// fresh are the changes that no earlier deployment of the scope shipped.
	fresh []*oracleChange
	// carriers are the pull requests that brought others which the deployment ships.
	carriers []*graphPull
}

// observation is a piece of evidence.
type observation struct {
	bad   *oracleDeployment
	cause string
	at    time.Time
	by    *oracleDeployment // the deployment that rolls back, reverts or fixes; nil if that is no rework
	issue string            // the incident
	// status is the id of the failing status; tie orders evidence of one time and cause.
	status int64
	tie    string
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
	o.add(family, value, append(labels, "team", o.teams[d.repository], "owner", "acme", "repo", d.repository, "environment", d.environment)...)
}

// expected returns all lines, sorted.
func (o *oracle) expected() []string {
	o.issues = map[string][]*dora.IncidentChange{}
	for _, e := range o.incidents {
		o.issues[e.ID] = append(o.issues[e.ID], e)
	}
	o.gather()
	for _, d := range o.deployments {
		o.outcomes(d)
	}
	for _, d := range o.deployments {
		if !d.done.IsZero() {
			o.ship(d)
		}
	}
	for id := range o.issues {
		o.issue(id)
	}
	for _, d := range o.deployments {
		if d.production && !d.done.IsZero() {
			o.findStatusEvidence(d)
		}
	}
	o.findRollbacks()
	o.failures()
	sort.Strings(o.lines)
	return o.lines
}

// scope returns the successful deployments of a scope in their order: by the time when they were done, then by id.
func (o *oracle) scope(scope string) (all []*oracleDeployment) {
	for _, d := range o.deployments {
		if d.scope == scope && !d.done.IsZero() {
			all = append(all, d)
		}
	}
	return all
}

// before returns the deployments of a scope that were done before d.
func (o *oracle) before(d *oracleDeployment) []*oracleDeployment {
	all := o.scope(d.scope)
	return all[:slices.Index(all, d)]
}

// first returns the first status that has one of the states.
func (d *oracleDeployment) first(states ...string) *sent {
	for i, s := range d.statuses {
		if slices.Contains(states, s.state) {
			return &d.statuses[i]
		}
	}
	return nil
}

// compareSent orders statuses by time, then by id.
func compareSent(a, b sent) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.id, b.id)) }
