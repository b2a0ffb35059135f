package report

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"dora-exporter/dora"
)

// history is a dora.History over records. With all of them at hand it answers as the store would if every event had come in
// time.
type history struct {
	deployments map[string]*dora.DeploymentRecord
	// repositories has the keys of the repositories that a name stands for.
	repositories map[string][]string
	incidents    map[string]dora.Incident
	runs
	numbers map[int64][]*dora.DeploymentRecord
	// commits finds deployments by the deployed commit, changes by what they ship, shipped likewise within a scope.
	commits, changes index
	shipped          map[string]index
	// titled finds changes by scope and title.
	titled map[[2]string][]titledChange
}

// titledChange is a change with a title that a deployment shipped.
type titledChange struct {
	name string
	by   *dora.DeploymentRecord
}

func newHistory(records dora.Records) *history {
	h := &history{
		deployments: map[string]*dora.DeploymentRecord{}, incidents: map[string]dora.Incident{}, runs: newRuns(records.Deployments),
		numbers: map[int64][]*dora.DeploymentRecord{}, shipped: map[string]index{}, repositories: records.Repositories,
		titled: map[[2]string][]titledChange{},
	}
	for _, i := range records.Incidents {
		h.incidents[i.Key] = i
	}
	for n := range records.Deployments {
		h.add(&records.Deployments[n])
	}
	h.commits.sort()
	h.changes.sort()
	for _, all := range h.shipped {
		all.sort()
	}
	return h
}

func (h *history) add(t *dora.DeploymentRecord) {
	h.deployments[t.Key()] = t
	h.numbers[t.ID] = append(h.numbers[t.ID], t)
	h.commits = append(h.commits, entry{name: t.SHA, by: t})
	if t.Succeeded().IsZero() {
		return
	}
	scope := t.Scope()
	for _, c := range t.Shipped() {
		for _, title := range c.Titles() {
			at := [2]string{scope, title}
			h.titled[at] = append(h.titled[at], titledChange{c.Name(), t})
		}
		for _, name := range c.Names() {
			e := entry{name, t, len(c.Reverts) > 0}
			h.changes, h.shipped[scope] = append(h.changes, e), append(h.shipped[scope], e)
		}
	}
}

// Deployment returns a deployment by its key; false when it is not known.
func (h *history) Deployment(key string) (dora.DeploymentRecord, bool, error) {
	if t, known := h.deployments[key]; known {
		return *t, true, nil
	}
	return dora.DeploymentRecord{}, false, nil
}

// Get returns an incident by its key; its zero value when it is not known.
func (h *history) Get(key string) (dora.Incident, error) { return h.incidents[key], nil }

// FirstShipped returns the key of the oldest deployment that shipped a change, or a commit of one, and whether the change is
// a revert.
func (h *history) FirstShipped(scope, name string) (key string, revert, known bool, err error) {
	var first *entry
	for _, e := range h.shipped[scope].find(name) {
		if first == nil || e.by.Moment().Before(first.by.Moment()) {
			first = &e
		}
	}
	if first == nil {
		return "", false, false, nil
	}
	return first.by.Key(), first.revert, true, nil
}

// Titled returns changes of a scope with a title that were shipped up to a moment.
func (h *history) Titled(scope, title string, m dora.Moment) (changes []string, err error) {
	for _, c := range h.titled[[2]string{scope, title}] {
		if len(changes) < 2 && !m.Before(c.by.Moment()) && !slices.Contains(changes, c.name) {
			changes = append(changes, c.name)
		}
	}
	return changes, nil
}

// Named returns all deployments that a reference of an incident names.
func (h *history) Named(r dora.Reference) ([]dora.DeploymentRecord, error) {
	found := h.numbers[r.Deployment]
	if r.Deployment == 0 {
		found = nil
	}
	found = slices.Clone(found)
	for _, e := range h.referred(r) {
		found = append(found, e.by)
	}
	var all []dora.DeploymentRecord
	for _, t := range found {
		if r.Repository == "" || slices.Contains(h.repositories[r.RepositoryName()], t.RepositoryKey()) {
			all = append(all, *t)
		}
	}
	return all, nil
}

// referred returns the entries of the pull request or commit that a reference names.
func (h *history) referred(r dora.Reference) []entry {
	var found []entry
	if r.PullRequest != 0 {
		found = append(found, h.changes.find("#"+strconv.FormatInt(r.PullRequest, 10))...)
	}
	if r.Commit != "" {
		found = append(found, h.commits.find(r.Commit)...)
		found = append(found, h.changes.find(r.Commit)...)
	}
	return found
}

// index finds deployments by the names of changes and commits; it is sorted by name.
type index []entry

type entry struct {
	name   string
	by     *dora.DeploymentRecord
	revert bool
}

// sort sorts the entries. Those of one deployment stay in their order: a commit that several changes have belongs to the first of them.
func (x index) sort() {
	slices.SortStableFunc(x, func(a, b entry) int {
		return cmp.Or(strings.Compare(a.name, b.name), a.by.Moment().Compare(b.by.Moment()))
	})
}

// find returns the entries of a change (#12) or of the commits that begin with a name, which stands for itself alone if it is
// empty.
func (x index) find(name string) []entry {
	beginning := name != "" && !strings.HasPrefix(name, "#")
	from, _ := slices.BinarySearchFunc(x, name, func(e entry, name string) int { return strings.Compare(e.name, name) })
	to := from
	for to < len(x) && (x[to].name == name || beginning && strings.HasPrefix(x[to].name, name)) {
		to++
	}
	return x[from:to]
}
