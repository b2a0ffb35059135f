package pipeline_test

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"
	"time"

	"dora-exporter/dora"
)

// The oracle says what follows from a set of events, as lines: a fact each, or what they add up to. It is written from the
// rules' text alone, looks at everything at once and knows neither arrival, nor settling, nor a store.
type oracle struct {
	events []dora.Event
	// repos are the lines of the repositories by name.
	repos  map[string]*world
	policy dora.Policy
	teams  teams
	lines  []string
	// scopes are the successful deployments in their order, by repository and environment.
	scopes      map[string][]*shipped
	deployments map[int64]*shipped
	issues      map[string][]*dora.IncidentChange
	// proofs are all pieces of evidence.
	proofs []*proof
}

// teams are the catalog of the oracle's tests: a repository's or project's name and its team.
type teams map[string]string

// shipped is a deployment as the oracle sees it.
type shipped struct {
	dora.Deployment
	statuses []dora.Status
	// done is when it was first successful; zero when it never was.
	done       time.Time
	production bool
	relation   string
	changes    []dora.Change
	// fresh are those of the changes that no deployment before it brought.
	fresh []dora.Change
}

type proof struct {
	bad   *shipped
	cause string
	at    time.Time
	by    *shipped // the deployment that rolls back, reverts or fixes
	issue string   // the incident
	tie   string
}

func (o *oracle) say(family string, value int64, labels ...string) {
	var all []string
	for i := 0; i < len(labels); i += 2 {
		all = append(all, fmt.Sprintf("%s=%q", labels[i], labels[i+1]))
	}
	sort.Strings(all)
	o.lines = append(o.lines, fmt.Sprintf("%s{%s} %d", family, strings.Join(all, ","), value))
}

// sayOf says something of a deployment's repository and environment.
func (o *oracle) sayOf(d *shipped, family string, value int64, labels ...string) {
	o.say(family, value, append(labels, "team", o.teams[d.Repository], "owner", d.Owner, "repo", d.Repository, "environment", d.Environment)...)
}

// tell returns all lines, sorted.
func (o *oracle) tell() []string {
	o.scopes, o.deployments, o.issues = map[string][]*shipped{}, map[int64]*shipped{}, map[string][]*dora.IncidentChange{}
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

func (o *oracle) gather() {
	seen := map[int64]bool{}
	for _, e := range o.events {
		switch {
		case e.Status != nil && !seen[e.Status.ID]:
			seen[e.Status.ID] = true
			d := o.deployments[e.Status.Deployment.ID]
			if d == nil {
				d = &shipped{Deployment: e.Status.Deployment}
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
		slices.SortFunc(all, func(a, b *shipped) int { return cmp.Or(a.done.Compare(b.done), cmp.Compare(a.ID, b.ID)) })
	}
	for _, all := range o.issues {
		slices.SortFunc(all, func(a, b *dora.IncidentChange) int { return a.Timestamp.Compare(b.Timestamp) })
	}
}

// first is the first status of one of the states.
func (d *shipped) first(states ...string) *dora.Status {
	for i, s := range d.statuses {
		if slices.Contains(states, s.State) {
			return &d.statuses[i]
		}
	}
	return nil
}

func (o *oracle) outcomes(d *shipped) {
	for outcome, s := range map[string]*dora.Status{"success": d.first("success"), "failure": d.first("failure", "error")} {
		if s == nil {
			continue
		}
		o.sayOf(d, "dora_deployments_total", 1, "outcome", outcome)
		began := d.CreatedAt
		if running := d.first("in_progress"); running != nil && !running.CreatedAt.After(s.CreatedAt) {
			began = running.CreatedAt
		}
		if ran := s.CreatedAt.Sub(began); ran >= 0 {
			o.sayOf(d, "dora_deployment_run_seconds", ran.Milliseconds())
		}
	}
}

// ship finds what each deployment of a scope ships, and the evidence in that.
func (o *oracle) ship(all []*shipped) {
	brought := map[string]bool{}
	for i, d := range all {
		repo := o.repos[d.Repository]
		own := []dora.Change{repo.change(d.SHA)}
		switch head := slices.Index(repo.line, d.SHA); {
		case i == 0:
			d.relation, d.changes = "first", own
		case all[i-1].SHA == d.SHA:
			d.relation = "identical"
		case head < 0 || slices.Index(repo.line, all[i-1].SHA) < 0:
			d.relation, d.changes = "diverged", own
		case head < slices.Index(repo.line, all[i-1].SHA):
			d.relation = "behind"
		default:
			d.relation = "ahead"
			for _, sha := range repo.line[slices.Index(repo.line, all[i-1].SHA)+1 : head+1] {
				d.changes = append(d.changes, repo.change(sha))
			}
		}
		for _, c := range d.changes {
			if !brought[c.Name()] {
				d.fresh = append(d.fresh, c)
				o.change(d, c)
			}
		}
		for _, c := range d.changes {
			brought[c.Name()] = true
		}
		if d.production {
			o.shows(all[:i], d)
		}
	}
}

func (o *oracle) change(d *shipped, c dora.Change) {
	o.sayOf(d, "dora_changes_total", 1)
	reason := c.Unavailable
	if c.FirstCommit.After(d.done) {
		reason = "before_commit"
	}
	if c.FirstCommit.IsZero() && reason == "" {
		reason = "no_commit_date"
	}
	if slices.Contains(o.policy.IgnoreAuthors, c.Author) {
		reason = "ignored_author"
	}
	if reason != "" {
		o.sayOf(d, "dora_lead_time_unavailable_total", 1, "reason", reason)
		return
	}
	o.sayOf(d, "dora_change_lead_time_seconds", d.done.Sub(c.FirstCommit).Milliseconds())
	stage := func(name string, from, to time.Time) {
		if c.PullRequest != 0 && !from.IsZero() && !to.IsZero() && !to.Before(from) {
			o.sayOf(d, "dora_change_stage_seconds", to.Sub(from).Milliseconds(), "stage", name)
		}
	}
	stage("coding", c.FirstCommit, c.Opened)
	stage("review", c.Opened, c.Merged)
	stage("deploy", c.Merged, d.done)
}

// is says whether a name means a change: #12, or a commit of it or the beginning of one.
func is(name string, c dora.Change) bool {
	return name == c.Name() || !strings.HasPrefix(name, "#") && slices.ContainsFunc(append(c.Commits, c.SHA), func(sha string) bool { return strings.HasPrefix(sha, name) })
}

// shows is the evidence that a deployment is against those before it: it rolls back, ships a revert, or is a hotfix.
func (o *oracle) shows(before []*shipped, d *shipped) {
	if d.relation == "behind" || d.relation == "diverged" {
		for i := len(before) - 1; i >= 0; i-- {
			if before[i].SHA == d.SHA {
				if i+1 < len(before) {
					o.proofs = append(o.proofs, &proof{bad: before[i+1], cause: "rollback", at: d.done, by: d, tie: fmt.Sprint(d.ID)})
				}
				break
			}
		}
	}
	for _, c := range d.fresh {
		for _, name := range c.Reverts {
			if slices.ContainsFunc(d.fresh, func(c dora.Change) bool { return is(name, c) }) {
				continue
			}
			for _, b := range before {
				at := slices.IndexFunc(b.fresh, func(c dora.Change) bool { return is(name, c) })
				if at < 0 {
					continue
				}
				if len(b.fresh[at].Reverts) == 0 {
					o.proofs = append(o.proofs, &proof{bad: b, cause: "revert", at: d.done, by: d, tie: fmt.Sprint(d.ID, c.Name(), name)})
				}
				break
			}
		}
	}
	hotfix := slices.ContainsFunc(d.fresh, func(c dora.Change) bool {
		return slices.ContainsFunc(o.policy.HotfixBranches.Patterns(), func(p string) bool { ok, _ := path.Match(p, c.Branch); return ok })
	})
	if hotfix && len(before) > 0 {
		o.proofs = append(o.proofs, &proof{bad: before[len(before)-1], cause: "hotfix", at: d.done, by: d, tie: fmt.Sprint(d.ID)})
	}
}

// ended is when an event of an issue says that it was resolved; zero when it does not.
func ended(e *dora.IncidentChange) time.Time {
	switch {
	case e.Event == "jira:issue_deleted":
	case !e.ResolutionDate.IsZero():
		return e.ResolutionDate
	case e.StatusCategory == "done" && !e.StatusCategoryChanged.IsZero():
		return e.StatusCategoryChanged
	case e.StatusCategory == "done" && !e.Edit:
		return e.Timestamp
	}
	return time.Time{}
}

// resolution is when an issue was first resolved; zero when it never was.
func (o *oracle) resolution(id string) (first time.Time) {
	for _, e := range o.issues[id] {
		if at := ended(e); !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

func (o *oracle) issue(id string) {
	events := o.issues[id]
	matches := func(list []string, names ...string) bool {
		return len(list) == 0 || slices.ContainsFunc(names, func(n string) bool { return slices.Contains(list, n) })
	}
	f := o.policy.Incidents
	if !slices.ContainsFunc(events, func(e *dora.IncidentChange) bool {
		return matches(f.Types, e.Type) && matches(f.Labels, e.IssueLabels...) && matches(f.Priorities, e.Priority) && matches(f.Statuses, e.StatusName)
	}) {
		return
	}
	say := func(family string, e *dora.IncidentChange, value int64) {
		o.say(family, value, "project", e.Project, "priority", cmp.Or(e.Priority, "Unknown"), "team", o.teams[e.Project])
	}
	newest, opening := events[len(events)-1], events[0]
	for _, e := range events {
		if e.Event == "jira:issue_created" {
			opening = e
		}
	}
	say("dora_incidents_opened_total", opening, 1)
	if newest.Event != "jira:issue_deleted" && newest.ResolutionDate.IsZero() && newest.StatusCategory != "done" {
		say("dora_incidents_open", newest, 1)
	}
	if end := o.resolution(id); !end.IsZero() && !end.Before(newest.Created) {
		say("dora_incident_recovery_seconds", newest, end.Sub(newest.Created).Milliseconds())
	}
	var refs []dora.Reference
	for _, e := range events {
		refs = append(refs, e.References...)
	}
	newer := func(a, b *shipped) bool {
		return b == nil || cmp.Or(a.done.Compare(b.done), cmp.Compare(a.ID, b.ID)) > 0
	}
	var named, team *shipped
	for _, d := range o.deployments {
		if !d.production || d.done.IsZero() || !d.done.Before(newest.Created) {
			continue
		}
		if slices.ContainsFunc(refs, func(r dora.Reference) bool { return names(r, d) }) && newer(d, named) {
			named = d
		}
		if o.teams[d.Repository] == o.teams[newest.Project] && newer(d, team) {
			team = d
		}
	}
	switch {
	case named != nil:
		o.proofs = append(o.proofs, &proof{bad: named, cause: "incident", at: newest.Created, issue: id, tie: id})
	case team != nil && o.policy.IncidentWindow > 0 && newest.Created.Sub(team.done) <= o.policy.IncidentWindow:
		o.proofs = append(o.proofs, &proof{bad: team, cause: "window", at: newest.Created, issue: id, tie: id})
	}
}

// names says whether a reference means a deployment: it, its commit, or something that it ships.
func names(r dora.Reference, d *shipped) bool {
	if r.Repository != "" && (r.Repository != d.Repository || r.Owner != d.Owner) {
		return false
	}
	return r.Deployment != 0 && r.Deployment == d.ID || r.Commit != "" && strings.HasPrefix(d.SHA, r.Commit) ||
		slices.ContainsFunc(d.changes, func(c dora.Change) bool {
			return r.PullRequest != 0 && int64(c.PullRequest) == r.PullRequest || r.Commit != "" && is(r.Commit, c)
		})
}

// failures says which deployments of a scope turned out bad, and what repaired them.
func (o *oracle) failures(all []*shipped) {
	for _, d := range all {
		success := d.first("success")
		after := slices.Clone(d.statuses[slices.IndexFunc(d.statuses, func(s dora.Status) bool { return s.ID == success.ID }):])
		later := shipped{statuses: after}
		if failed := later.first("failure", "error"); failed != nil && d.production {
			o.proofs = append(o.proofs, &proof{bad: d, cause: "status", at: failed.CreatedAt})
		}
	}
	order := []string{"status", "incident", "rollback", "revert", "hotfix", "window"}
	slices.SortFunc(o.proofs, func(p, q *proof) int {
		return cmp.Or(p.at.Compare(q.at), cmp.Compare(slices.Index(order, p.cause), slices.Index(order, q.cause)), cmp.Compare(p.tie, q.tie))
	})
	marked, rework := map[*shipped]bool{}, map[*shipped]bool{}
	for _, p := range o.proofs {
		if marked[p.bad] || !slices.Contains(all, p.bad) {
			continue
		}
		marked[p.bad] = true
		o.sayOf(p.bad, "dora_change_failures_total", 1, "cause", p.cause)
		by, end := p.by, p.at
		switch p.cause {
		case "incident", "window":
			end = o.resolution(p.issue)
		case "status":
			end = time.Time{}
			for _, d := range all {
				if d.done.After(p.at) {
					by, end = d, d.done
					break
				}
			}
		}
		if end.IsZero() {
			continue
		}
		if !end.Before(p.bad.done) {
			o.sayOf(p.bad, "dora_failed_deployment_recovery_seconds", end.Sub(p.bad.done).Milliseconds())
		}
		if by != nil && !rework[by] {
			rework[by] = true
			o.sayOf(by, "dora_rework_deployments_total", 1, "cause", p.cause)
		}
	}
}
