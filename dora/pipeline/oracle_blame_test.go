package pipeline_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"dora-exporter/dora"
)

// blame finds the deployment that an incident is evidence against.
func (o *oracle) blame(id string, i *oracleIssue, teams []string) {
	if i.created.IsZero() {
		return
	}
	var refs []dora.Reference
	for _, e := range o.issues[id] {
		refs = append(refs, e.References...)
	}
	newer := func(a, b run) bool {
		return b.oracleDeployment == nil || cmp.Or(a.at.Compare(b.at), cmp.Compare(a.number, b.number)) > 0
	}
	var named, team run
	for _, d := range o.deployments {
		if !d.production || d.done.IsZero() {
			continue
		}
		if d.done.Before(i.created) && slices.ContainsFunc(refs, func(r dora.Reference) bool { return o.names(r, d) }) && newer(run{d.done, d}, named) {
			named = run{d.done, d}
		}
		for _, r := range o.runs(d.scope) {
			if r.at.Before(i.created) && slices.Contains(teams, o.teams[r.repository]) && newer(r, team) {
				team = r
			}
		}
	}
	switch {
	case named.oracleDeployment != nil:
		o.evidence = append(o.evidence, &observation{bad: named.oracleDeployment, cause: "incident", at: i.created, issue: id, tie: id})
	case team.oracleDeployment != nil && o.policy.IncidentWindow > 0 && i.created.Sub(team.at) <= o.policy.IncidentWindow:
		o.evidence = append(o.evidence, &observation{bad: team.oracleDeployment, cause: "window", at: i.created, issue: id, tie: id})
	}
}

// names reports whether a reference names a deployment, its commit, something that it ships, or what brought that.
func (o *oracle) names(r dora.Reference, d *oracleDeployment) bool {
	if r.Repository != "" && (r.Owner != "acme" || o.repositoryNamed(r.Repository) != o.repository(d.statuses[0])) {
		return false
	}
	pull := fmt.Sprint("#", r.PullRequest)
	return r.Deployment != 0 && r.Deployment == d.number || r.Commit != "" && strings.HasPrefix(d.sha, r.Commit) ||
		slices.ContainsFunc(d.changes, func(c *oracleChange) bool { return means(pull, c) || r.Commit != "" && means(r.Commit, c) }) ||
		slices.ContainsFunc(d.carriers, func(p *graphPull) bool { return meansCarrier(pull, p) || r.Commit != "" && meansCarrier(r.Commit, p) })
}
