package dora

import (
	"regexp"
)

// Rewrite gives environments another name on the way in, so that short-lived ones share their series.
type Rewrite struct {
	// Match is looked for in the environment's name; nil matches all.
	Match *regexp.Regexp
	// Transient restricts the rule to what GitHub's payload flags as transient_environment.
	Transient bool
	Name      string
}

// Environments are the rules about environments' names. The first one that applies holds.
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
