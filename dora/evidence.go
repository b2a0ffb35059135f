package dora

import (
	"cmp"
	"slices"
	"time"
)

// Evidence shows that a deployment turned out bad. Each piece is about one deployment.
type Evidence struct {
	// Target is the key of the deployment that turned out bad, and Scope that of its repository and environment.
	Target string
	Scope  string
	Cause  Cause
	// By names the piece: the deployment that rolls back, say, or the incident. Unique with Cause.
	By string
	// At is when it showed.
	At time.Time
	// Detail says it to a person.
	Detail string
	// Late is set when an event that it comes from arrived after later deployments had been settled.
	Late bool
}

// compare orders evidence: by time, then by cause.
func (e Evidence) compare(f Evidence) int {
	return cmp.Or(e.At.Compare(f.At), cmp.Compare(slices.Index(causes, e.Cause), slices.Index(causes, f.Cause)), cmp.Compare(e.By, f.By))
}

// Mark says that a deployment turned out bad, why, and what repaired it.
type Mark struct {
	Evidence
	// RepairedBy is the key of the deployment or incident that ended it, RepairedAt when; zero while nothing has.
	RepairedBy string
	RepairedAt time.Time
}

// History answers what is known of the deployments of a scope, successful ones in the order of their moments. The store
// and a report's memory both do.
type History interface {
	// Tracked returns a deployment by its key; false when it is not known.
	Tracked(key string) (Tracked, bool, error)
	// Previous is the newest success before a moment, Next the oldest after it; false when there is none.
	Previous(scope string, m Moment) (Tracked, bool, error)
	Next(scope string, m Moment) (Tracked, bool, error)
	// LatestRun is the newest success before a moment of a commit.
	LatestRun(scope, sha string, m Moment) (Tracked, bool, error)
	// FirstShipped is the oldest deployment that shipped a change (#12) or one of its commits (a SHA or its beginning),
	// and whether the change is a revert itself.
	FirstShipped(scope, name string) (key string, revert, known bool, err error)
	// Named are all deployments that a reference of an incident names.
	Named(r Reference) ([]Tracked, error)
	// NewestOf is the newest success in production of a team before a time.
	NewestOf(team string, before time.Time) (Tracked, bool, error)
}

// evidenceBy is what a settled deployment shows about earlier ones: that it rolls back, ships a revert, or is a hotfix.
func (p Policy) evidenceBy(h History, x Tracked) ([]Evidence, error) {
	if x.Shipment == nil || !x.InProduction {
		return nil, nil
	}
	var all []Evidence
	for _, rule := range []func(History, Tracked) ([]Evidence, error){p.rollback, p.reverts, p.hotfixes} {
		found, err := rule(h, x)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// rollback: a commit is deployed again that is behind the running one, or has no line to it. It marks what came after the
// commit's latest run.
func (p Policy) rollback(h History, x Tracked) ([]Evidence, error) {
	if x.Shipment.Relation != Behind && x.Shipment.Relation != Diverged {
		return nil, nil
	}
	before, ok, err := h.LatestRun(x.Scope(), x.SHA, x.Moment())
	if err != nil || !ok {
		return nil, err
	}
	bad, ok, err := h.Next(x.Scope(), before.Moment())
	if err != nil || !ok || !bad.Moment().Before(x.Moment()) {
		return nil, err
	}
	return []Evidence{about(bad, x, CauseRollback, x.Key(), x.name()+" deploys "+short(x.SHA)+" again, which "+before.name()+" had deployed before it")}, nil
}

// reverts: a change that this deployment brings takes back one that an earlier deployment brought.
func (p Policy) reverts(h History, x Tracked) ([]Evidence, error) {
	var all []Evidence
	for _, change := range x.Shipment.Changes {
		first, _, known, err := h.FirstShipped(x.Scope(), change.Name())
		if err != nil {
			return nil, err
		}
		if known && first != x.Key() {
			continue
		}
		for _, name := range change.Reverts {
			key, revert, known, err := h.FirstShipped(x.Scope(), name)
			if err != nil {
				return nil, err
			}
			if !known || revert || key == x.Key() {
				continue
			}
			bad, ok, err := h.Tracked(key)
			if err != nil {
				return nil, err
			}
			if ok && bad.Moment().Before(x.Moment()) {
				all = append(all, about(bad, x, CauseRevert, x.Key()+" "+change.Name()+" reverts "+name,
					change.Name()+" of "+x.name()+" reverts "+name+", which "+bad.name()+" brought"))
			}
		}
	}
	return all, nil
}

// hotfixes: a pull request that this deployment brings is called a hotfix. It marks the success before.
func (p Policy) hotfixes(h History, x Tracked) ([]Evidence, error) {
	for _, change := range x.Shipment.Changes {
		if !p.hotfix(change) {
			continue
		}
		first, _, known, err := h.FirstShipped(x.Scope(), change.Name())
		if err != nil {
			return nil, err
		}
		if known && first != x.Key() {
			continue
		}
		bad, ok, err := h.Previous(x.Scope(), x.Moment())
		if err != nil || !ok {
			return nil, err
		}
		return []Evidence{about(bad, x, CauseHotfix, x.Key(), change.Name()+" of "+x.name()+" is a hotfix, by its branch or label")}, nil
	}
	return nil, nil
}

func about(bad, by Tracked, c Cause, name, detail string) Evidence {
	return Evidence{Target: bad.Key(), Scope: bad.Scope(), Cause: c, By: name, At: by.Succeeded(), Detail: detail, Late: bad.Late || by.Late}
}

// evidenceOf is the deployment's own: a status of failure or error after its success.
func evidenceOf(t Tracked) (Evidence, bool) {
	failed, ok := t.FailedAfter()
	if !ok || !t.InProduction {
		return Evidence{}, false
	}
	return Evidence{
		Target: t.Key(), Scope: t.Scope(), Cause: CauseStatus, By: t.Key(), At: failed.At,
		Detail: t.name() + " had the status " + labelValue(failed.State) + " after its success", Late: t.Late || failed.Late,
	}, true
}

// evidenceFrom is what an incident shows: that the newest deployment which it names, and which was done before it was
// opened, turned out bad; or else, with a window, the newest one of its team.
func (p Policy) evidenceFrom(h History, i Incident) (Evidence, bool, error) {
	var bad Tracked
	for _, r := range i.References {
		named, err := h.Named(r)
		if err != nil {
			return Evidence{}, false, err
		}
		for _, t := range named {
			if t.InProduction && t.Succeeded().Before(i.Created) && !t.Succeeded().IsZero() && (bad.ID == 0 || bad.Moment().Before(t.Moment())) {
				bad = t
			}
		}
	}
	cause, detail := CauseIncident, "incident "+i.Name+" names "
	if bad.ID == 0 && p.IncidentWindow > 0 {
		t, ok, err := h.NewestOf(i.Team, i.Created)
		if err != nil {
			return Evidence{}, false, err
		}
		if ok && !t.Succeeded().Before(i.Created.Add(-p.IncidentWindow)) {
			bad, cause, detail = t, CauseWindow, "incident "+i.Name+" was opened within "+p.IncidentWindow.String()+" after "
		}
	}
	if bad.ID == 0 || i.Created.IsZero() {
		return Evidence{}, false, nil
	}
	return Evidence{Target: bad.Key(), Scope: bad.Scope(), Cause: cause, By: i.Key, At: i.Created, Detail: detail + bad.name(), Late: bad.Late || i.Late}, true, nil
}

// name is what people call a deployment: owner/repo#id.
func (t Tracked) name() string { return labelValue(t.Owner+"/"+t.Repository) + "#" + itoa(t.ID) }

func short(sha string) string { return labelValue(sha[:min(len(sha), 10)]) }
