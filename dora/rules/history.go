package rules

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"dora-exporter/dora"
)

// memory is a History over records. With all of them at hand it answers as the store would if every event had come in time.
type memory struct {
	deployments map[string]*dora.Tracked
	incidents   map[string]dora.Incident
	// scopes have the successes of each repository and environment, teams those of each team in production; in the order of
	// their moments.
	scopes, teams map[string][]*dora.Tracked
	numbers       map[int64][]*dora.Tracked
	// shas are by the deployed commits; names by what was shipped, and brought likewise in one scope.
	shas, names index
	brought     map[string]index
}

func remember(r dora.Records) *memory {
	m := &memory{
		deployments: map[string]*dora.Tracked{}, incidents: map[string]dora.Incident{}, scopes: map[string][]*dora.Tracked{}, teams: map[string][]*dora.Tracked{},
		numbers: map[int64][]*dora.Tracked{}, brought: map[string]index{},
	}
	for _, i := range r.Incidents {
		m.incidents[i.Key] = i
	}
	for n := range r.Deployments {
		m.add(&r.Deployments[n])
	}
	for _, successes := range []map[string][]*dora.Tracked{m.scopes, m.teams} {
		for _, all := range successes {
			slices.SortFunc(all, func(a, b *dora.Tracked) int { return a.Moment().Compare(b.Moment()) })
		}
	}
	m.shas.sort()
	m.names.sort()
	for _, all := range m.brought {
		all.sort()
	}
	return m
}

func (m *memory) add(t *dora.Tracked) {
	m.deployments[t.Key()] = t
	m.numbers[t.ID] = append(m.numbers[t.ID], t)
	m.shas = append(m.shas, entry{name: t.SHA, by: t})
	if t.Succeeded().IsZero() {
		return
	}
	scope := t.Scope()
	m.scopes[scope] = append(m.scopes[scope], t)
	if t.InProduction {
		m.teams[t.Team] = append(m.teams[t.Team], t)
	}
	if t.Shipment == nil {
		return
	}
	for _, c := range t.Shipment.Changes {
		for _, name := range c.Names() {
			e := entry{name, t, len(c.Reverts) > 0}
			m.names, m.brought[scope] = append(m.names, e), append(m.brought[scope], e)
		}
	}
}

// Tracked returns a deployment by its key; false when it is not known.
func (m *memory) Tracked(key string) (dora.Tracked, bool, error) {
	if t, known := m.deployments[key]; known {
		return *t, true, nil
	}
	return dora.Tracked{}, false, nil
}

// Get returns an incident by its key; its zero value when it is not known.
func (m *memory) Get(key string) (dora.Incident, error) { return m.incidents[key], nil }

// Previous is the newest success before a moment.
func (m *memory) Previous(scope string, at dora.Moment) (dora.Tracked, bool, error) {
	all := m.before(scope, at)
	return one(all, len(all)-1)
}

// Next is the oldest success after a moment.
func (m *memory) Next(scope string, at dora.Moment) (dora.Tracked, bool, error) {
	all, before := m.scopes[scope], len(m.before(scope, at))
	if before < len(all) && all[before].Moment().Compare(at) == 0 {
		before++
	}
	return one(all, before)
}

// LatestRun is the newest success before a moment of a commit.
func (m *memory) LatestRun(scope, sha string, at dora.Moment) (dora.Tracked, bool, error) {
	for _, t := range slices.Backward(m.before(scope, at)) {
		if t.SHA == sha {
			return *t, true, nil
		}
	}
	return dora.Tracked{}, false, nil
}

// NewestOf is the newest success in production of a team before a time.
func (m *memory) NewestOf(team string, before time.Time) (dora.Tracked, bool, error) {
	all := until(m.teams[team], dora.Moment{At: before})
	return one(all, len(all)-1)
}

// FirstShipped is the oldest deployment that shipped a change or one of its commits.
func (m *memory) FirstShipped(scope, name string) (key string, revert, known bool, err error) {
	var first *entry
	for _, e := range m.brought[scope].find(name) {
		if first == nil || e.by.Moment().Before(first.by.Moment()) {
			first = &e
		}
	}
	if first == nil {
		return "", false, false, nil
	}
	return first.by.Key(), first.revert, true, nil
}

// Named are all deployments that a reference of an incident names.
func (m *memory) Named(r dora.Reference) ([]dora.Tracked, error) {
	found := m.numbers[r.Deployment]
	if r.Deployment == 0 {
		found = nil
	}
	found = slices.Clone(found)
	for _, e := range m.referred(r) {
		found = append(found, e.by)
	}
	var all []dora.Tracked
	for _, t := range found {
		if r.Repository == "" || t.RepositoryName() == dora.RepositoryName(r.Owner, r.Repository) {
			all = append(all, *t)
		}
	}
	return all, nil
}

// referred are the entries of the pull request or commit that a reference names.
func (m *memory) referred(r dora.Reference) []entry {
	var found []entry
	if r.PullRequest != 0 {
		found = append(found, m.names.find("#"+strconv.FormatInt(r.PullRequest, 10))...)
	}
	if r.Commit != "" {
		found = append(found, m.shas.find(r.Commit)...)
		found = append(found, m.names.find(r.Commit)...)
	}
	return found
}

// before are the successes of a scope before a moment.
func (m *memory) before(scope string, at dora.Moment) []*dora.Tracked {
	return until(m.scopes[scope], at)
}

func until(all []*dora.Tracked, at dora.Moment) []*dora.Tracked {
	n, _ := slices.BinarySearchFunc(all, at, func(t *dora.Tracked, at dora.Moment) int { return t.Moment().Compare(at) })
	return all[:n]
}

func one(all []*dora.Tracked, n int) (dora.Tracked, bool, error) {
	if n < 0 || n >= len(all) {
		return dora.Tracked{}, false, nil
	}
	return *all[n], true, nil
}

// index finds deployments by names of changes and commits.
type index []entry

type entry struct {
	name   string
	by     *dora.Tracked
	revert bool
}

func (x index) sort() {
	slices.SortFunc(x, func(a, b entry) int {
		return cmp.Or(strings.Compare(a.name, b.name), a.by.Moment().Compare(b.by.Moment()))
	})
}

// find returns the entries of a change (#12) or of the commits that begin with a name.
func (x index) find(name string) []entry {
	from, _ := slices.BinarySearchFunc(x, name, func(e entry, name string) int { return strings.Compare(e.name, name) })
	to := from
	for to < len(x) && (x[to].name == name || !strings.HasPrefix(name, "#") && strings.HasPrefix(x[to].name, name)) {
		to++
	}
	return x[from:to]
}
