package dora

import (
	"cmp"
	"regexp"
	"slices"
)

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

// Apply changes the environment of an event's deployment: to the one that a status is about, and by the rules. A status that names
// another environment than the one that the deployment was created for promotes it.
func (all Environments) Apply(e Event) {
	switch {
	case e.Status != nil:
		d := &e.Status.Deployment
		own := all.rename(cmp.Or(d.OriginalEnvironment, d.Environment), d.Transient)
		if environment := e.Status.Environment; environment != "" {
			if FoldName(environment) != FoldName(d.Environment) { // GitHub's flags are about the deployment's
				d.Production, d.Transient = false, false
			}
			d.Environment = environment
		}
		d.Environment = all.rename(d.Environment, d.Transient)
		d.Promoted = FoldName(d.Environment) != FoldName(own)
	case e.Deployment != nil:
		e.Deployment.Environment = all.rename(e.Deployment.Environment, e.Deployment.Transient)
	}
}

// NeedsFlags reports whether GitHub's flags are needed to tell whether an environment is one of production, or what it is called.
func (all Environments) NeedsFlags(p Policy, environment string) bool {
	renamesTransient := slices.ContainsFunc(all, func(r Rewrite) bool { return r.Transient })
	return renamesTransient || !p.IsProduction(Deployment{Environment: all.rename(environment, false)})
}

func (all Environments) rename(name string, transient bool) string {
	for _, r := range all {
		if (transient || !r.Transient) && (r.Match == nil || r.Match.MatchString(name)) {
			return r.Name
		}
	}
	return name
}
