package rules

import (
	"maps"
	"slices"
	"time"

	"dora-exporter/dora"
)

// Measure returns what a deployment with an outcome counts for.
func Measure(p dora.Policy, d dora.CountedDeployment) dora.Measured {
	m := dora.Measured{ID: d.ID, At: inMillis(d.When()), First: inMillis(d.Outcomes[0].At), Recovery: dora.NoRecovery, Rework: d.Repaired}
	_, m.Succeeded = d.First(dora.Success)
	_, m.Failed = d.First(dora.Failure)
	for _, c := range d.Changes {
		if ms, reason := LeadTime(p, c, d.Succeeded()); reason == "" {
			m.LeadTimes = append(m.LeadTimes, ms)
		} else {
			m.WithoutLeadTime++
		}
	}
	if d.Mark != nil {
		m.Cause, m.IsRepaired = d.Mark.Cause, !d.Mark.RepairedAt.IsZero()
		if ms, reason := RecoveryTime(*d.Mark, d.Succeeded()); reason == "" {
			m.Recovery = ms
		}
	}
	return m
}

// inMillis returns a time as days have it.
func inMillis(t time.Time) time.Time { return time.UnixMilli(t.UnixMilli()).UTC() }

// measure measures deployments anew.
func (d *Days) measure(h dora.History, all map[string]dora.DeploymentRecord) error {
	failed, err := d.failedChanges(h, all)
	if err != nil {
		return err
	}
	scopes := map[string][]dora.DeploymentRecord{}
	for _, t := range all {
		scopes[t.Scope()] = append(scopes[t.Scope()], t)
	}
	for scope, deployments := range scopes {
		shippers, err := d.shippers(scope, deployments)
		if err != nil {
			return err
		}
		for _, t := range deployments {
			if len(t.Outcomes) == 0 {
				continue
			}
			counted := dora.CountedDeployment{DeploymentRecord: t, Mark: failed.marks[t.Key()], Repaired: failed.repaired[t.Key()]}
			if counted.Changes, err = newChanges(h, t, shippers); err != nil {
				return err
			}
			if err := d.put(t, Measure(d.policy, counted)); err != nil {
				return err
			}
		}
	}
	return nil
}

// failures has what is known of failed changes: the marks of deployments, and the causes of what deployments repaired.
type failures struct {
	marks    map[string]*dora.FailedChange
	repaired map[string]dora.Cause
}

// failedChanges finds which deployments are failed changes, and which repaired one: by what they show, or by what ran before them.
func (d *Days) failedChanges(h dora.History, all map[string]dora.DeploymentRecord) (failures, error) {
	f := failures{map[string]*dora.FailedChange{}, map[string]dora.Cause{}}
	given, err := d.evidenceBy(slices.Collect(maps.Keys(all)))
	if err != nil {
		return f, err
	}
	candidates := map[string][]string{}
	for _, e := range given {
		by := dora.DeploymentOf(e.By)
		candidates[by] = append(candidates[by], e.Target)
	}
	targets := map[string]bool{}
	for key, t := range all {
		targets[key] = true
		if t.Succeeded().IsZero() {
			continue
		}
		before, err := runsBefore(h, t.Scope(), t.Moment())
		if err != nil {
			return f, err
		}
		for _, other := range before {
			candidates[key] = append(candidates[key], other.Key())
		}
		for _, target := range candidates[key] {
			targets[target] = true
		}
	}
	about, err := d.evidenceAbout(slices.Collect(maps.Keys(targets)))
	if err != nil {
		return f, err
	}
	for target, evidence := range about {
		if f.marks[target], err = failedChange(h, d.reads, evidence); err != nil {
			return f, err
		}
	}
	for key, t := range all {
		var first *dora.FailedChange
		for _, target := range candidates[key] {
			if m := f.marks[target]; m != nil && m.RepairedBy == key && m.IsRework(t) && (first == nil || m.Compare(first.Evidence) < 0) {
				first = m
			}
		}
		if first != nil {
			f.repaired[key] = first.Cause
		}
	}
	return f, nil
}

// shippers returns which deployments of a scope shipped the changes of some.
func (d *Days) shippers(scope string, deployments []dora.DeploymentRecord) (map[string][]string, error) {
	names := map[string]bool{}
	for _, t := range deployments {
		if t.Succeeded().IsZero() {
			continue
		}
		for _, c := range t.Changes() {
			names[c.Name()] = true
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	return d.reads.Shippers(scope, slices.Collect(maps.Keys(names)))
}

// newChanges returns the changes of a deployment that none before it in its scope shipped.
func newChanges(h dora.History, t dora.DeploymentRecord, shippers map[string][]string) ([]dora.Change, error) {
	if t.Succeeded().IsZero() {
		return nil, nil
	}
	var all []dora.Change
	seen := map[string]bool{}
	for _, c := range t.Changes() {
		if seen[c.Name()] {
			continue
		}
		seen[c.Name()] = true
		shipped, err := isShippedBefore(h, t, c.Name(), shippers[c.Name()])
		if err != nil {
			return nil, err
		}
		if !shipped {
			all = append(all, c)
		}
	}
	return all, nil
}

// isShippedBefore reports whether one of some deployments shipped a change before t. What they shipped by this name may be a commit of
// another change, or a pull request that brought changes.
func isShippedBefore(h dora.History, t dora.DeploymentRecord, name string, shippers []string) (bool, error) {
	for _, key := range shippers {
		if key == t.Key() {
			continue
		}
		other, known, err := h.Deployment(key)
		if err != nil {
			return false, err
		}
		if !known || !other.Moment().Before(t.Moment()) {
			continue
		}
		if slices.ContainsFunc(other.Changes(), func(c dora.Change) bool { return c.Name() == name }) {
			return true, nil
		}
	}
	return false, nil
}
