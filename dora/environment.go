package dora

import "regexp"

// Rewrite renames environments before their events are processed, so that short-lived ones share their series.
type Rewrite struct {
	// Match must match the environment's name; nil matches all.
	Match *regexp.Regexp
	// Transient restricts the rule to environments that GitHub's payload flags as transient_environment.
	Transient bool
	Name      string
}

// Environments are the rules for renaming environments. The first matching rule applies.
type Environments []Rewrite

// Rename changes the environment of an event's deployment.
func (all Environments) Rename(e Event) {
	switch {
	case e.Status != nil:
		all.renameIn(&e.Status.Deployment)
	case e.Deployment != nil:
		all.renameIn(e.Deployment)
	}
}

func (all Environments) renameIn(d *Deployment) {
	for _, r := range all {
		if (r.Transient && !d.Transient) || (r.Match != nil && !r.Match.MatchString(d.Environment)) {
			continue
		}
		d.Environment = r.Name
		return
	}
}
